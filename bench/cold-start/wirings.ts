import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { optionsOf } from "../stand/app.ts";
import { reportLoad } from "./module-load.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const connectionString =
  "InstrumentationKey=90000000-ffff-4000-8000-000000000001;IngestionEndpoint=https://ingestion.invalid/";

const clients = `
  import { app } from "@azure/functions";
  import { ManagedIdentityCredential } from "@azure/identity";
  import { CryptographyClient } from "@azure/keyvault-keys";
  import { TableClient } from "@azure/data-tables";
  import { BlobClient } from "@azure/storage-blob";
  import { compactVerify } from "jose";
  import { strictObject } from "zod";
  globalThis.used = [app, ManagedIdentityCredential, CryptographyClient, TableClient, BlobClient, compactVerify, strictObject];`;
const telemetry = `
  import { createTelemetry } from "${root}src/adapters/telemetry/telemetry.ts";
  const settings = { liveMetrics: false, standardMetrics: false, cachedAnswersShare: 1 };
  const telemetry = createTelemetry({ connectionString: "${connectionString}", settings, clock: Date.now, instance: "bench", onLoadFailure() {} });
  telemetry.record({ event: "policy_applied", etag: "e", grants: 1 });`;
const pipeline = `
  import { createPipeline } from "${root}src/adapters/telemetry/azure-monitor.ts";
  const options = { sendAfterMs: 2000, tallyEveryMs: 10000, retryDelaysMs: [], attemptWithinMs: 1, drainWithinMs: 1,
    maxWaiting: 100, liveMetrics: false, standardMetrics: false, cachedAnswersShare: 1 };
  createPipeline({ connectionString: "${connectionString}", instance: "bench", ...options });`;

const wirings: Record<string, string> = {
  "clients, no telemetry": clients,
  "clients, and the SDK of telemetry as Keyhold loads it: later": clients + telemetry,
  "clients, and the SDK of telemetry at once": clients + pipeline,
};

/** The clients that Keyhold loads anyway, with telemetry wired in three ways, bundled like the product. */
export async function buildWirings(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const [index, [name, text]] of Object.entries(wirings).entries()) {
    const place = join(folder, `wiring-${index}`);
    await mkdir(place);
    await writeFile(join(place, "entry.ts"), text + reportLoad);
    await symlink(join(root, "node_modules"), join(place, "node_modules"));
    files[name] = join(place, "index.mjs");
    await build(optionsOf(join(place, "entry.ts"), join(place, "index.mjs")));
  }
  return files;
}
