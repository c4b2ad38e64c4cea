import { setLogLevel } from "@azure/logger";
import { type AzureMonitorOpenTelemetryOptions, useAzureMonitor } from "@azure/monitor-opentelemetry";
import { metrics, trace } from "@opentelemetry/api";
import { logs } from "@opentelemetry/api-logs";
import { resourceFromAttributes } from "@opentelemetry/resources";
import type { ExporterOptions } from "./request-items.ts";

export interface DistroOptions {
  connectionString: string;
  instance: string;
  httpClient?: NonNullable<ExporterOptions["httpClient"]>;
  /** Where the exporter keeps what it could not send; the folder for temporary files if there is none. */
  storageDirectory?: string;
  /** A second stream, to anybody who looks at the portal's live metrics. */
  liveMetrics: boolean;
  /** Durations of calls, aggregated before they are sent, in addition to the calls themselves. */
  standardMetrics: boolean;
}

/**
 * Starts Azure Monitor's distribution of OpenTelemetry for this process, and ends one that was started before. Meters
 * and loggers that the API gave out before have no effect.
 */
export function startDistro(options: DistroOptions, delivery: ExporterOptions) {
  useAzureMonitor(distroOptions(options, delivery));
  // It turns on the warnings of all Azure clients, on the process's own output. They repeat text that servers sent.
  setLogLevel();
  return {
    logger: logs.getLogger("keyhold"),
    tracer: trace.getTracer("keyhold"),
    meter: metrics.getMeter("keyhold"),
    flushLogs: flushOf(logs.getLoggerProvider()),
    flushSpans: flushOf(trace.getTracerProvider()),
    flushMetrics: flushOf(metrics.getMeterProvider()),
  };
}

/** All of them, so that no default of another version decides. Nothing is sampled here, and nothing is instrumented. */
function distroOptions(
  { connectionString, instance, httpClient, storageDirectory, liveMetrics, standardMetrics }: DistroOptions,
  delivery: ExporterOptions,
): AzureMonitorOpenTelemetryOptions {
  const off = { enabled: false };
  return {
    azureMonitorExporterOptions: {
      connectionString,
      ...(httpClient && { httpClient }),
      ...(storageDirectory && { storageDirectory }),
      disableOfflineStorage: false,
      ...delivery,
    },
    resource: resourceFromAttributes({ "service.name": "keyhold", "service.instance.id": instance }),
    samplingRatio: 1,
    tracesPerSecond: 0,
    enableTraceBasedSamplingForLogs: false,
    enableLiveMetrics: liveMetrics,
    enableStandardMetrics: standardMetrics,
    enablePerformanceCounters: false,
    instrumentationOptions: {
      ...{ http: off, azureSdk: off, mongoDb: off, mySql: off, postgreSql: off, redis: off, redis4: off },
      ...{ bunyan: off, winston: off, console: off },
    },
    browserSdkLoaderOptions: off,
  };
}

/** The API's types have no `forceFlush`, the SDK's providers behind them do. */
function flushOf(provider: object): () => Promise<void> {
  const { getDelegate } = provider as { getDelegate?: () => object };
  const sdk = (getDelegate?.call(provider) ?? provider) as { forceFlush(): Promise<void> };
  return () => sdk.forceFlush().catch(() => {});
}
