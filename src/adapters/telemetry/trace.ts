import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { Fault } from "../../domain/shared/fault.ts";
import { errorClass } from "../azure/error.ts";
import { type CallName, calls } from "./names.ts";

/**
 * A finished piece of work, as plain data. The SDK that sends it may not be loaded yet, and until then spans of the
 * OpenTelemetry API have no effect.
 */
export interface Span extends SpanContext {
  parentSpanId?: string;
  /** The service that was called; undefined for the invocation that made the calls. */
  target?: string;
  /** A constant of ours, such as `Key Vault sign`: key URLs, hosts and tenants must not be in traces (I6). */
  name: string;
  /** The invocation's id: `correlation_id` of the answer, `correlationId` of its event. */
  correlationId?: string;
  startMs: number;
  endMs: number;
  /** Code of a fault or class of an error, never its message. */
  error?: string;
}

/** W3C Trace Context, lower-case hex. */
export interface SpanContext {
  traceId: string;
  spanId: string;
}

type AsyncCall<A extends unknown[], R> = (...args: A) => Promise<R>;

export interface Tracer {
  /** The work of one invocation. `traceParent` is the host's own span (W3C Trace Context §3.2), if it has one. */
  invocation<R>(of: { name: string; correlationId: string; traceParent?: string }, work: () => R): R;
  /** Wraps a call to another service, so that it becomes a span if it is made within an invocation. */
  call<A extends unknown[], R>(name: CallName, call: AsyncCall<A, R>): AsyncCall<A, R>;
  current(): SpanContext | undefined;
}

/** Used if no telemetry is sent: measures nothing. */
export const noTracer: Tracer = { invocation: (_, work) => work(), call: (_, call) => call, current() {} };

/** Ids are created when the first span or event of our own trace needs them, because random numbers take time. */
interface Invocation {
  parent: SpanContext | undefined;
  ids: SpanContext | undefined;
  calledOut: boolean;
}

function idsOf(invocation: Invocation): SpanContext {
  invocation.ids ??= { traceId: invocation.parent?.traceId ?? randomHex(16), spanId: randomHex(8) };
  return invocation.ids;
}

/**
 * Creates spans for work that calls another service. An answer from the cache has none, so a busy caller costs no
 * telemetry beyond its event. A request that waits for another request's mint has no spans; the first request has them.
 */
export function createTracer(clock: () => number, record: (span: Span) => void): Tracer {
  const invocations = new AsyncLocalStorage<Invocation>();
  return {
    invocation({ name, correlationId, traceParent }, work) {
      const parent = parseTraceParent(traceParent);
      const own: Invocation = { parent, ids: undefined, calledOut: false };
      const startMs = clock();
      const finish = (error?: unknown) => {
        if (!own.calledOut) return;
        const span = { ...idsOf(own), name, correlationId, startMs, endMs: clock() };
        record({ ...span, ...(parent && { parentSpanId: parent.spanId }), ...errorOf(error) });
      };
      return observe(() => invocations.run(own, work), finish);
    },
    call(name, call) {
      return (...args) => {
        const parent = invocations.getStore();
        if (parent === undefined) return call(...args);
        parent.calledOut = true;
        const { traceId, spanId: parentSpanId } = idsOf(parent);
        const startMs = clock();
        const finish = (error?: unknown) => {
          const ids = { traceId, parentSpanId, spanId: randomHex(8) };
          record({ ...ids, target: calls[name], name, startMs, endMs: clock(), ...errorOf(error) });
        };
        return observe(() => call(...args), finish);
      };
    },
    // The host's own span covers an invocation that called no service.
    current() {
      const invocation = invocations.getStore();
      return invocation?.calledOut ? idsOf(invocation) : invocation?.parent;
    },
  };
}

/** Calls `finish` once, when the work has succeeded or failed. Returns or throws what the work does. */
function observe<R>(work: () => R, finish: (error?: unknown) => void): R {
  let result: R;
  try {
    result = work();
  } catch (error) {
    finish(error ?? "none");
    throw error;
  }
  if (result instanceof Promise) {
    result.then(
      () => finish(),
      (error) => finish(error ?? "none"),
    );
  } else finish();
  return result;
}

function errorOf(error: unknown): { error?: string } {
  if (error === undefined) return {};
  return { error: error instanceof Fault ? error.code : errorClass(error) };
}

function parseTraceParent(text: string | undefined): SpanContext | undefined {
  const [, traceId, spanId] = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(text ?? "") ?? [];
  if (!traceId || !spanId || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId };
}

function randomHex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}
