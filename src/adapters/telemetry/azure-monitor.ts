import type { TokenCredential } from "@azure/identity";
import { type Context, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from "@opentelemetry/api";
import { refusedTokenPolicy } from "../azure/refused-token.ts";
import { attributesOf } from "./attributes.ts";
import { createDelivery, type DeliveryOptions } from "./delivery.ts";
import { type DistroOptions, startDistro } from "./distro.ts";
import { exceptionOf } from "./exceptions.ts";
import { createInstruments } from "./instruments.ts";
import { measure, metricsOf } from "./metrics.ts";
import { createQueue, type TimedEvent } from "./queue.ts";
import { createAnswerTally } from "./tally.ts";
import type { Span, SpanContext } from "./trace.ts";

/**
 * The part of telemetry that is expensive to load: Azure Monitor's own distribution of OpenTelemetry. Only telemetry.ts
 * imports it, after the first event. Once it is started, all telemetry is sent through the OpenTelemetry API.
 */
export interface PipelineOptions extends DistroOptions, DeliveryOptions {
  credential?: TokenCredential;
  sendAfterMs: number;
  /**
   * Maximum number of waiting events: of requests, and of all others. Further events are lost, so that memory is
   * bounded.
   */
  maxWaiting: number;
  /** Milliseconds for which equal cached answers and counts of metrics are aggregated. */
  tallyEveryMs: number;
  /** Share of the events of cached answers that is sent, 0 (excluded) to 1. */
  cachedAnswersShare: number;
}

export interface Pipeline {
  emit(event: TimedEvent): void;
  emitSpan(span: Span): void;
  countLost(count: number): void;
  flush(): Promise<void>;
}

/** A log record with this attribute becomes a custom event in Application Insights. */
const eventNameAttribute = "microsoft.custom_event.name";

/** The number of records that the SDK sends at once. Its own queue silently drops anything beyond 2048. */
const batchSize = 512;

/** Starts the SDK in this process, and shuts down one that was started before. */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { maxWaiting, sendAfterMs, tallyEveryMs, cachedAnswersShare } = options;
  const countLost = (count: number) => {
    if (count > 0) record(measure("keyhold.telemetry.lost", count));
  };
  const delivery = createDelivery(options, countLost);
  const { logger, tracer, meter, flushLogs, flushSpans, flushMetrics } = startDistro(options, {
    ...delivery.exporterOptions,
    ...(options.credential && {
      credential: delivery.credentialOf(options.credential),
      additionalPolicies: [...delivery.exporterOptions.additionalPolicies, refusedTokenPolicy(options.credential)],
    }),
  });
  const { record, flush: flushCounts } = createInstruments(meter, tallyEveryMs);
  const queue = createQueue(maxWaiting, () => countLost(1));
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;

  const emitNow = ({ event, timeMs, within, count }: TimedEvent) => {
    // A Date, because the SDK may interpret a number as milliseconds since the start of the process.
    const about = { timestamp: new Date(timeMs), ...(within && { context: contextOf(within) }) };
    const attributes = { ...attributesOf(event), ...(count !== undefined && { count }) };
    logger.emit({ ...about, attributes: { ...attributes, [eventNameAttribute]: event.event } });
    const exception = exceptionOf(event, attributes);
    if (exception) logger.emit({ ...about, attributes: exception });
  };
  const sendAll = async () => {
    while (queue.length > 0) {
      for (const timed of queue.take(batchSize)) emitNow(timed);
      await flushLogs();
      // The SDK stops waiting after 30 s.
      await delivery.settled();
    }
  };
  const start = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    sending ??= sendAll().finally(() => {
      sending = undefined;
    });
    return sending;
  };
  const tell = (timed: TimedEvent) => {
    queue.push(timed);
    if (sending !== undefined) return;
    if (queue.length >= batchSize) void start();
    else timer ??= setTimeout(start, sendAfterMs).unref();
  };
  const tally = createAnswerTally({ everyMs: tallyEveryMs, share: cachedAnswersShare }, tell);
  return {
    emit(timed) {
      if (!tally.count(timed)) tell(timed);
      for (const measurement of metricsOf(timed.event)) record(measurement);
    },
    emitSpan({ traceId, spanId, parentSpanId, name, target, correlationId, startMs, endMs, error }) {
      const kind = target === undefined ? SpanKind.INTERNAL : SpanKind.CLIENT;
      const attributes = {
        ...(target !== undefined && { "http.request.method": "POST", "peer.service": target }),
        ...(correlationId !== undefined && { correlationId }),
        ...(error !== undefined && { error }),
      };
      const parent = parentSpanId === undefined ? ROOT_CONTEXT : contextOf({ traceId, spanId: parentSpanId });
      const span = tracer.startSpan(name, { kind, startTime: new Date(startMs), attributes }, parent);
      // The API creates new ids when a span starts. This span has already ended, and others refer to its ids.
      const context = { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
      span.spanContext = () => context;
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
      span.end(new Date(endMs));
    },
    countLost,
    async flush() {
      tally.flush();
      delivery.drain();
      await Promise.all([start(), flushSpans()]);
      await delivery.settled();
      flushCounts();
      await flushMetrics();
    },
  };
}

/** The context that makes a log record or a span part of a trace. */
function contextOf({ traceId, spanId }: SpanContext): Context {
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED });
}
