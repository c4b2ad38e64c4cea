import { type AzureMonitorExporterOptions, AzureMonitorTraceExporter } from "@azure/monitor-opentelemetry-exporter";
import { type Context, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import { AlwaysOnSampler, BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Span, SpanContext } from "./trace.ts";

/**
 * Finished spans to Application Insights (table AppDependencies). They help to see where time goes and are proof of
 * nothing: up to 2048 wait in a queue of their own, and what Application Insights does not take is gone.
 */
export function createSpanSender(exporterOptions: AzureMonitorExporterOptions, resource: Resource) {
  // The SDK makes ids when a span starts; ours started, and ended, before it was loaded.
  let ids: SpanContext = { traceId: "", spanId: "" };
  const provider = new BasicTracerProvider({
    resource,
    sampler: new AlwaysOnSampler(),
    idGenerator: { generateTraceId: () => ids.traceId, generateSpanId: () => ids.spanId },
    spanProcessors: [new BatchSpanProcessor(new AzureMonitorTraceExporter(exporterOptions))],
  });
  const tracer = provider.getTracer("keyhold");
  return {
    send(span: Span): void {
      ids = span;
      const { traceId, parentSpanId, name, kind, correlationId, startMs, endMs, error } = span;
      const parent = parentSpanId === undefined ? ROOT_CONTEXT : contextOf({ traceId, spanId: parentSpanId });
      const attributes = {
        ...(correlationId !== undefined && { correlationId }),
        ...(error !== undefined && { error }),
      };
      const started = tracer.startSpan(
        name,
        { kind: kind === "client" ? SpanKind.CLIENT : SpanKind.INTERNAL, startTime: new Date(startMs), attributes },
        parent,
      );
      if (error !== undefined) started.setStatus({ code: SpanStatusCode.ERROR, message: error });
      started.end(new Date(endMs));
    },
    flush: () => provider.forceFlush().catch(() => {}),
  };
}

/** What makes a log record or a span part of a trace. */
export function contextOf({ traceId, spanId }: SpanContext): Context {
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED });
}
