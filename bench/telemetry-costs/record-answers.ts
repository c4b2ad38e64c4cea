/**
 * Measures what telemetry does for cached answers after its SDK is loaded: `node record-answers.ts <telemetry.ts>`
 * prints the microseconds of thread time for one.
 */
import { configureExporter } from "../../src/config.ts";

const [file = ""] = process.argv.slice(2);
const { createTelemetry } = (await import(file)) as typeof import("../../src/adapters/telemetry/telemetry.ts");
const connectionString =
  "InstrumentationKey=90000000-ffff-4000-8000-000000000001;IngestionEndpoint=https://ingestion.test/";
configureExporter();
const telemetry = createTelemetry({
  ...{ connectionString, instance: "bench", clock: Date.now, onLoadFailure: (error) => console.error(error) },
  settings: { liveMetrics: false, standardMetrics: false, cachedAnswersShare: 1 },
  tuning: { httpClient: { sendRequest: async (request) => ({ request, status: 200, headers: {} }) as never } },
});
const answers = (count: number) => {
  const fromCpu = process.threadCpuUsage();
  for (let i = 0; i < count; i++) {
    telemetry.tracer.invocation({ name: "token", correlationId: "c" }, () =>
      telemetry.record({
        ...{ event: "request_answered", operation: "token", correlationId: "c", outcome: "issued", cached: true },
        ...{ durationMs: i % 3, scope: "https://graph.microsoft.com/.default", callerName: "billing-service" },
      }),
    );
  }
  const { user, system } = process.threadCpuUsage(fromCpu);
  return (user + system) / count;
};
answers(1);
await telemetry.flush(5_000);
answers(200_000);
process.stdout.write(`${answers(500_000)}\n`, () => process.exit(0));
