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
  /** Where the exporter keeps records that it could not send. Default: the folder for temporary files. */
  storageDirectory?: string;
  /** Whether a second stream feeds the portal's live metrics. */
  liveMetrics: boolean;
  /** Whether durations of calls are also sent as aggregated metrics, in addition to the calls themselves. */
  standardMetrics: boolean;
}

/**
 * Starts Azure Monitor's distribution of OpenTelemetry in this process, and shuts down one that was started before.
 * Meters and loggers obtained from the API before that have no effect.
 */
export function startDistro(options: DistroOptions, delivery: ExporterOptions) {
  useAzureMonitor(distroOptions(options, delivery));
  // It enables the warnings of all Azure clients on the process's output. They repeat text from servers, so they are
  // turned off again.
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

/**
 * Sets every option, so that no other version's default applies. Nothing is sampled here, and nothing is instrumented.
 */
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

/** The API's types have no `forceFlush`, but the SDK's providers do. */
function flushOf(provider: object): () => Promise<void> {
  const { getDelegate } = provider as { getDelegate?: () => object };
  const sdk = (getDelegate?.call(provider) ?? provider) as { forceFlush(): Promise<void> };
  return () => sdk.forceFlush().catch(() => {});
}
