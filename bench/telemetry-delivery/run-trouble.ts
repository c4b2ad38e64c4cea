/**
 * Runs one kind of trouble with one road, in virtual time: `node run-trouble.ts <road> <index>`. A road is the path of
 * a `telemetry.ts`, or `alone`: Azure Monitor's distribution with its defaults. Prints a line of JSON.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mock } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { TokenCredential } from "@azure/identity";
import { configureExporter } from "../../src/config.ts";
import { createIngestion, type HttpClient, troubles } from "./trouble.ts";

export interface Outcome {
  recorded: number;
  /** Within ten minutes of the end of the trouble, and within an hour of it. */
  soon: number;
  inAnHour: number;
  onDisk: number;
  countedLost: number;
}

interface Road {
  record(): void;
  flush(withinMs: number): Promise<void>;
}

const connectionString =
  "InstrumentationKey=90000000-ffff-4000-8000-000000000001;IngestionEndpoint=https://ingestion.test/";
const [road = "", index = ""] = process.argv.slice(2);
const trouble = troubles[Number(index)];
if (!trouble) throw new RangeError(`there is no trouble ${index}`);
const storageDirectory = mkdtempSync(join(tmpdir(), "keyhold-trouble-"));
process.env.TMPDIR = storageDirectory;
configureExporter();
// Loaded in real time; later imports of the same module are immediate.
if (road === "alone") await import("@azure/monitor-opentelemetry");
else await import(join(road, "../azure-monitor.ts"));
mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: Date.now() });
const startMs = Date.now();
const { httpClient, taken, takenMs, lost } = createIngestion(trouble.behaviour, () => Date.now() - startMs);
const credential: TokenCredential = {
  async getToken() {
    if (Date.now() - startMs < trouble.untilMs) {
      if (trouble.identity === "fails") throw new Error("no token");
      if (trouble.identity === "hangs") return new Promise(() => {});
    }
    return { token: "token", expiresOnTimestamp: Date.now() + 86_400_000 };
  },
};
const { record, flush } = road === "alone" ? await openAlone(httpClient) : await openKeyhold(road, httpClient);

const eventsEach = trouble.burst ?? 20;
const seconds = trouble.burst ? 1 : (trouble.endsAtMs ?? 60_000) / 1_000;
let recorded = 0;
for (let second = 0; second < seconds; second++) {
  for (let i = 0; i < eventsEach; i++) record();
  recorded += eventsEach;
  await pass(1_000);
}
if (trouble.endsAtMs === undefined) {
  for (let ms = seconds * 1_000; ms < trouble.untilMs + 600_000; ms += 1_000) await pass(1_000);
  for (let ms = 0; ms < 3_000_000; ms += 10_000) await pass(10_000, 20);
} else {
  const drained = flush(2_300).then(() => flush(1_200));
  for (let ms = 0; ms < 3_500; ms += 100) await pass(100, 30);
  await drained;
}
const outcome: Outcome = {
  recorded,
  soon: takenMs.filter((ms) => ms <= trouble.untilMs + 600_000).length,
  inAnHour: taken.get("sign_audit_finding") ?? 0,
  onDisk: eventsOnDisk(),
  countedLost: lost(),
};
// Pending writes may still create files.
rmSync(storageDirectory, { recursive: true, force: true, maxRetries: 10 });
process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0));

/** Files are written and read in real time, and the virtual time waits for them. */
async function pass(ms: number, realMs = 2): Promise<void> {
  mock.timers.tick(ms);
  const fromMs = performance.now();
  for (let turn = 0; turn < 12 || performance.now() < fromMs + realMs; turn++) await nextTurn();
}

function eventsOnDisk(): number {
  const files = readdirSync(storageDirectory, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ai.json"),
  );
  const items = files.flatMap(
    (file) => JSON.parse(readFileSync(join(storageDirectory, file), "utf8")) as { data: { baseType: string } }[],
  );
  return items.filter(({ data }) => data.baseType === "EventData").length;
}

async function openKeyhold(file: string, client: HttpClient): Promise<Road> {
  const { createTelemetry } = (await import(file)) as typeof import("../../src/adapters/telemetry/telemetry.ts");
  const telemetry = createTelemetry({
    ...{
      connectionString,
      credential,
      instance: "bench",
      clock: Date.now,
      onLoadFailure: (error) => console.error(error),
    },
    settings: { liveMetrics: false, standardMetrics: false, cachedAnswersShare: 1 },
    tuning: { httpClient: client, storageDirectory },
  });
  const finding = { id: "f", finding: "unaccounted_signature", severity: 0 } as const;
  const event = { event: "sign_audit_finding", isNew: true, ...finding } as const;
  return {
    record: () => telemetry.record({ ...event, timeMs: Date.now() }),
    flush: (withinMs) => telemetry.flush(withinMs),
  };
}

async function openAlone(client: HttpClient): Promise<Road> {
  const { useAzureMonitor, shutdownAzureMonitor } = await import("@azure/monitor-opentelemetry");
  const { logs } = await import("@opentelemetry/api-logs");
  useAzureMonitor({
    azureMonitorExporterOptions: { connectionString, credential, httpClient: client, storageDirectory },
    ...{ enableLiveMetrics: false, enableStandardMetrics: false, enablePerformanceCounters: false },
  });
  const logger = logs.getLogger("bench");
  let ended: Promise<void> | undefined;
  return {
    record: () => logger.emit({ attributes: { "microsoft.custom_event.name": "sign_audit_finding" } }),
    flush(withinMs) {
      ended ??= shutdownAzureMonitor();
      return Promise.race([ended, new Promise<void>((resolve) => setTimeout(resolve, withinMs))]);
    },
  };
}
