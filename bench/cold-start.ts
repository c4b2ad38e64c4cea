/**
 * What telemetry adds to a cold start: `node bench/cold-start.ts [folder]`. Each wiring is bundled together with the
 * clients that Keyhold loads anyway, and started in a new process, in turns. The ratio of the medians is what carries
 * over to another machine. The distro is no dependency of Keyhold: it is measured if `folder` has it installed.
 */
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const rounds = 25;
const root = fileURLToPath(new URL("..", import.meta.url));
const distroFolder = process.argv[2];
const connectionString =
  "InstrumentationKey=90000000-ffff-4000-8000-000000000001;IngestionEndpoint=https://ingestion.invalid/";

const clients = `
  import { app } from "@azure/functions";
  import { ManagedIdentityCredential } from "@azure/identity";
  import { CryptographyClient } from "@azure/keyvault-keys";
  import { TableClient } from "@azure/data-tables";
  import { BlobClient } from "@azure/storage-blob";
  import { compactVerify } from "jose";
  import { z } from "zod";
  globalThis.used = [app, ManagedIdentityCredential, CryptographyClient, TableClient, BlobClient, compactVerify, z];`;
const telemetry = `
  import { createTelemetry } from "${root}src/adapters/telemetry.ts";
  const telemetry = createTelemetry({ connectionString: "${connectionString}", clock: Date.now, instance: "bench" });
  telemetry.record({ event: "policy_applied", etag: "e", grants: 1 });`;
const pipeline = `
  import { createPipeline } from "${root}src/adapters/telemetry-azure-monitor.ts";
  const options = { sendAfterMs: 2000, measureEveryMs: 60000, retryDelaysMs: [], attemptWithinMs: 1, maxWaiting: 100 };
  createPipeline({ connectionString: "${connectionString}", instance: "bench", ...options });`;
const distro = `
  import { useAzureMonitor } from "@azure/monitor-opentelemetry";
  useAzureMonitor({ azureMonitorExporterOptions: { connectionString: "${connectionString}" } });`;
const report = `
  console.log(JSON.stringify({ ms: performance.now(), rssMb: process.memoryUsage.rss() / 2 ** 20 }));
  process.exit(0);`;

const wirings: Record<string, string> = {
  "no telemetry": clients + report,
  "exporter and SDK, loaded later": clients + telemetry + report,
  "exporter and SDK, loaded at once": clients + pipeline + report,
  ...(distroFolder && { "distro, loaded at once": clients + distro + report }),
};

interface Sample {
  ms: number;
  rssMb: number;
}

const folder = await mkdtemp(join(tmpdir(), "keyhold-bench-"));
try {
  const bundles = new Map<string, { file: string; samples: Sample[] }>();
  for (const [index, [name, text]] of Object.entries(wirings).entries()) {
    bundles.set(name, { file: await bundle(`wiring-${index}`, text, name.startsWith("distro")), samples: [] });
  }
  for (let round = 0; round <= rounds; round++) {
    for (const { file, samples } of bundles.values()) {
      const sample = run(file);
      if (round > 0) samples.push(sample); // the first fills the disk cache
    }
  }
  console.log(`${rounds} starts each, in turns, ${process.version}, ${process.platform}; medians`);
  const base = median(bundles.get("no telemetry")?.samples.map(({ ms }) => ms) ?? []);
  for (const [name, { file, samples }] of bundles) {
    const ms = median(samples.map((sample) => sample.ms));
    const rss = median(samples.map((sample) => sample.rssMb));
    const size = (await stat(file)).size / 1e6;
    const ratio = (ms / base).toFixed(2);
    console.log(`${name}: ${ms.toFixed(0)} ms (x ${ratio}), ${rss.toFixed(0)} MB RSS, bundle ${size.toFixed(2)} MB`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** As build.ts does it. */
async function bundle(name: string, text: string, usesDistro: boolean): Promise<string> {
  const place = join(folder, name);
  await mkdir(place);
  await writeFile(join(place, "entry.ts"), text);
  await symlink(join(root, "node_modules"), join(place, "node_modules"));
  const outfile = join(place, "index.mjs");
  const source = await readFile(join(root, "build.ts"), "utf8");
  const banner = /"(import\{createRequire[^"]+)"/.exec(source)?.[1];
  if (banner === undefined) throw new Error("build.ts has no banner that is known here");
  await build({
    entryPoints: [join(place, "entry.ts")],
    outfile,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    minify: true,
    keepNames: true,
    external: ["@azure/functions-core"],
    banner: { js: banner },
    nodePaths: usesDistro && distroFolder ? [join(distroFolder, "node_modules")] : [],
    logLevel: "error",
  });
  return outfile;
}

function run(file: string): Sample {
  const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" });
  const line = stdout.trim().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) throw new Error(`no sample: ${stderr}`);
  return JSON.parse(line) as Sample;
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
