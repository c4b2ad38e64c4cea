import type { TokenCredential } from "@azure/identity";
import { type AzureMonitorExporterOptions, AzureMonitorMetricExporter } from "@azure/monitor-opentelemetry-exporter";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { refusedTokenPolicy } from "../azure/refused-token.ts";
import { attributesOf } from "./attributes.ts";
import { createLane, type LaneOptions } from "./lane.ts";
import { type Measurement, measure, metricsOf } from "./metrics.ts";
import { type MetricKind, type MetricName, metricNames, metrics } from "./names.ts";
import type { TimedEvent } from "./queue.ts";
import { createSender } from "./sender.ts";
import { contextOf, createSpanSender } from "./spans.ts";
import { type CountedEvent, createAnswerTally } from "./tally.ts";
import type { Span } from "./trace.ts";

/**
 * The part of telemetry that is expensive to load: the SDK and the exporter of Azure Monitor. Only telemetry.ts imports
 * it, and only when there is time. There is no sampler in it: every record that is emitted is sent, and what is counted
 * together says how many it stands for.
 */
export interface PipelineOptions extends LaneOptions {
  connectionString: string;
  credential?: TokenCredential;
  instance: string;
  httpClient?: NonNullable<AzureMonitorExporterOptions["httpClient"]>;
  measureEveryMs: number;
  /** How long equal answers from the cache are counted before they are told. */
  tallyEveryMs: number;
}

export interface Pipeline {
  emit(event: TimedEvent): void;
  emitSpan(span: Span): void;
  countLost(count: number): void;
  flush(): Promise<void>;
}

/** Custom events of Application Insights are log records with this attribute. */
const eventNameAttribute = "microsoft.custom_event.name";

/**
 * Loads and starts the SDK: one lane of log records, one reader of metrics, one queue of spans, and a tally of equal
 * answers. Writes two variables of the environment that the exporter reads.
 */
export function createPipeline(options: PipelineOptions): Pipeline {
  const exporterOptions: AzureMonitorExporterOptions = {
    connectionString: options.connectionString,
    ...(options.credential && {
      credential: options.credential,
      additionalPolicies: [refusedTokenPolicy(options.credential)],
    }),
    ...(options.httpClient && { httpClient: options.httpClient }),
    disableOfflineStorage: true,
    retryOptions: { maxRetries: 0 },
  };
  const resource = resourceFromAttributes({ "service.name": "keyhold", "service.instance.id": options.instance });
  const reader = new PeriodicExportingMetricReader({
    exporter: new AzureMonitorMetricExporter(exporterOptions),
    exportIntervalMillis: options.measureEveryMs,
    exportTimeoutMillis: Math.min(options.measureEveryMs, 30_000),
  });
  const meterProvider = new MeterProvider({ resource, readers: [reader] });
  const record = createInstruments(meterProvider);
  const countLost = (count: number) => record(measure("keyhold.telemetry.lost", count));
  const createLogger = () => {
    const lane = createLane(createSender(exporterOptions), options, countLost);
    const logger = new LoggerProvider({ resource, processors: [lane] }).getLogger("keyhold");
    return { logger, flush: () => lane.forceFlush() };
  };
  // Requests come in numbers that anyone on the network decides: they must not push out what else happened.
  const requests = createLogger();
  const rest = createLogger();
  const spans = createSpanSender(exporterOptions, resource);
  const tell = ({ event, timeMs, within, count }: TimedEvent & Partial<CountedEvent>) => {
    const { logger } = event.event === "request_answered" ? requests : rest;
    // A Date: of a number the SDK assumes that it may count from the start of the process.
    logger.emit({
      timestamp: new Date(timeMs),
      ...(within && { context: contextOf(within) }),
      attributes: { ...attributesOf(event), ...(count && { count }), [eventNameAttribute]: event.event },
    });
  };
  const tally = createAnswerTally(options.tallyEveryMs, tell);
  return {
    emit(timed) {
      if (!tally.count(timed)) tell(timed);
      for (const measurement of metricsOf(timed.event)) record(measurement);
    },
    emitSpan: spans.send,
    countLost,
    async flush() {
      tally.flush();
      await Promise.allSettled([rest.flush(), requests.flush(), spans.flush()]);
      await meterProvider.forceFlush().catch(() => {});
    },
  };
}

function createInstruments(provider: MeterProvider): (measurement: Measurement) => void {
  const meter = provider.getMeter("keyhold");
  type Instrument = (value: number, dimensions: Measurement["dimensions"]) => void;
  const create: Record<MetricKind, (name: MetricName, unit: string) => Instrument> = {
    counter(name, unit) {
      const counter = meter.createCounter(name, { unit });
      return (value, dimensions) => counter.add(value, dimensions);
    },
    gauge(name, unit) {
      const gauge = meter.createGauge(name, { unit });
      return (value, dimensions) => gauge.record(value, dimensions);
    },
    histogram(name, unit) {
      const histogram = meter.createHistogram(name, { unit });
      return (value, dimensions) => histogram.record(value, dimensions);
    },
    total(name, unit) {
      let total = 0;
      meter.createObservableGauge(name, { unit }).addCallback((result) => {
        if (total > 0) result.observe(total);
      });
      return (value) => {
        total += value;
      };
    },
  };
  const instruments = new Map(metricNames.map((name) => [name, create[metrics[name].kind](name, metrics[name].unit)]));
  return ({ metric, value, dimensions }) => instruments.get(metric)?.(value, dimensions);
}
