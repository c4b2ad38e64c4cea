import { spawnSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { optionsOf } from "../stand/app.ts";

export interface SdkLoad {
  /** Time on the main thread: how long a load blocks it on an idle machine. */
  threadMs: number;
  wallMs: number;
  /** The added resident memory. */
  addedMb: number;
}

const options = `{
  connectionString: "InstrumentationKey=90000000-ffff-4000-8000-000000000001;IngestionEndpoint=https://ingestion.invalid/",
  instance: "bench", sendAfterMs: 2000, measureEveryMs: 60000, tallyEveryMs: 10000, retryDelaysMs: [], attemptWithinMs: 1,
  drainWithinMs: 1, maxWaiting: 100, liveMetrics: false, standardMetrics: false, cachedAnswersShare: 1,
}`;

/** A bundle that first loads the clients that Keyhold loads anyway, and then loads the telemetry SDK of `checkout`. */
export async function buildLoad(folder: string, name: string, checkout: string): Promise<string> {
  const place = join(folder, `load-${name}`);
  await mkdir(place);
  await symlink(join(checkout, "node_modules"), join(place, "node_modules"));
  const entry = join(place, "entry.ts");
  await writeFile(
    entry,
    `import { ManagedIdentityCredential } from "@azure/identity";
    import { CryptographyClient } from "@azure/keyvault-keys";
    import { TableClient } from "@azure/data-tables";
    import { BlobClient } from "@azure/storage-blob";
    globalThis.used = [ManagedIdentityCredential, CryptographyClient, TableClient, BlobClient];
    const [rss, cpu, fromMs] = [process.memoryUsage.rss(), process.threadCpuUsage(), performance.now()];
    const { createPipeline } = await import(${JSON.stringify(join(checkout, "src/adapters/telemetry/azure-monitor.ts"))});
    createPipeline(${options});
    const { user, system } = process.threadCpuUsage(cpu);
    const [wallMs, addedMb] = [performance.now() - fromMs, (process.memoryUsage.rss() - rss) / 2 ** 20];
    console.log(JSON.stringify({ threadMs: (user + system) / 1000, wallMs, addedMb }));
    process.exit(0);`,
  );
  const file = join(place, "index.mjs");
  await build(optionsOf(entry, file));
  return file;
}

/** Loads the SDK in a separate process. */
export function loadSdk(file: string): SdkLoad {
  const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" });
  if (!stdout.startsWith("{")) throw new Error(`${file} did not load: ${stderr}`);
  return JSON.parse(stdout) as SdkLoad;
}
