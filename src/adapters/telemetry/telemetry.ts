import type { TokenCredential } from "@azure/identity";
import type { RecordEvent } from "../../domain/events.ts";
import { parseGuid } from "../../domain/shared/guid.ts";
import type { Pipeline, PipelineOptions } from "./azure-monitor.ts";
import type { DistroOptions } from "./distro.ts";
import { createQueue } from "./queue.ts";
import { createTracer, noTracer, type Span, type Tracer } from "./trace.ts";

/**
 * Sends events, metrics and traces to Application Insights. It never throws, never blocks and uses bounded memory.
 * Keyhold works without it too. The SDK is loaded shortly after the first event, because everything that is loaded
 * before the first answer makes a cold start slower (docs/adr/0018-azure-monitor-distribution.md).
 */
interface Telemetry {
  record: RecordEvent;
  tracer: Tracer;
  /**
   * Resolves when everything is sent, or after `withinMs` milliseconds. Call it before the process ends. Never rejects.
   */
  flush(withinMs: number): Promise<void>;
}

interface TelemetryOptions {
  /** Undefined: nothing is sent, and the SDK is never loaded. */
  connectionString: string | undefined;
  /** Without it the connection string alone authorizes writes, as Application Insights allows by default. */
  credential?: TokenCredential;
  settings: TelemetrySettings;
  clock: () => number;
  instance: string;
  /** Called if the SDK could not be loaded. Loading is retried later; until then events wait in the queue. */
  onLoadFailure: (error: unknown) => void;
  /** For tests. */
  tuning?: Partial<Tuning>;
}

/** Settings with which an operator gets more or fewer records. */
export type TelemetrySettings = Pick<DistroOptions, "liveMetrics" | "standardMetrics"> &
  Pick<PipelineOptions, "cachedAnswersShare">;

type Given = "connectionString" | "credential" | "instance" | keyof TelemetrySettings;

export interface Tuning extends Omit<PipelineOptions, Given> {
  loadAfterMs: number;
  loadPipeline: () => Promise<Pick<typeof import("./azure-monitor.ts"), "createPipeline">>;
  /** Milliseconds from one failed attempt to the next; the last value repeats. */
  loadAgainAfterMs: readonly number[];
}

const usual: Tuning = {
  loadAfterMs: 2_000,
  loadPipeline: () => import("./azure-monitor.ts"),
  loadAgainAfterMs: [60_000, 300_000, 900_000],
  sendAfterMs: 2_000,
  tallyEveryMs: 10_000,
  retryDelaysMs: [1_000, 5_000, 20_000, 60_000, 120_000, 120_000],
  attemptWithinMs: 30_000,
  drainWithinMs: 3_000,
  maxWaiting: 16_384,
};

/** Further spans are dropped: anyone on the network can cause them, and no alert depends on them. */
const maxSpans = 2_048;

/** Throws if the connection string cannot be used. The message does not contain it. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { connectionString, credential, settings, clock, instance, onLoadFailure } = options;
  if (connectionString === undefined) return { record: () => {}, tracer: noTracer, flush: async () => {} };
  checkConnectionString(connectionString);
  const { loadAfterMs, loadPipeline, loadAgainAfterMs, ...tuning } = { ...usual, ...options.tuning };
  let lost = 0;
  const queue = createQueue(tuning.maxWaiting, () => {
    lost += 1;
  });
  const spans: Span[] = [];
  let pipeline: Pipeline | undefined;
  let loading: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;

  const load = async (): Promise<void> => {
    const { createPipeline } = await loadPipeline();
    const given = { connectionString, instance, ...settings, ...(credential && { credential }) };
    const created = createPipeline({ ...given, ...tuning });
    created.countLost(lost);
    for (const event of queue.take(queue.length)) created.emit(event);
    for (const span of spans.splice(0)) created.emitSpan(span);
    pipeline = created;
  };
  const ensureLoaded = (): Promise<void> => {
    clearTimeout(timer);
    // Until the SDK is loaded nothing is sent. The queue is bounded, and the JSON lines have every event too.
    loading ??= load().catch((error) => {
      const waitMs = loadAgainAfterMs[Math.min(failures++, loadAgainAfterMs.length - 1)];
      loading = undefined;
      timer = setTimeout(ensureLoaded, waitMs).unref();
      onLoadFailure(error);
    });
    return loading;
  };

  // Every span is followed by an event, and the event starts the loading.
  const recordSpan = (span: Span) => {
    if (pipeline) pipeline.emitSpan(span);
    else if (spans.length < maxSpans) spans.push(span);
  };
  const tracer = createTracer(clock, recordSpan);

  return {
    tracer,
    record(event) {
      const within = tracer.current();
      const timed = { event, timeMs: clock(), ...(within && { within }) };
      if (pipeline) return pipeline.emit(timed);
      queue.push(timed);
      timer ??= setTimeout(ensureLoaded, loadAfterMs).unref();
    },
    async flush(withinMs) {
      if (timer === undefined) return;
      const deadline = Promise.withResolvers<void>();
      const cutOff = setTimeout(deadline.resolve, withinMs);
      await Promise.race([ensureLoaded().then(() => pipeline?.flush()), deadline.promise]);
      clearTimeout(cutOff);
    },
  };
}

/**
 * Checks for errors that the exporter would report only when it is loaded. It would also silently replace http with
 * https.
 */
function checkConnectionString(text: string): void {
  const parts = new Map(
    text.split(";").map((part) => {
      const [name = "", ...value] = part.split("=");
      return [name.trim().toLowerCase(), value.join("=").trim()];
    }),
  );
  if (parseGuid(parts.get("instrumentationkey")) === undefined) {
    throw new TypeError("the connection string of Application Insights must have an InstrumentationKey that is a GUID");
  }
  const endpoint = parts.get("ingestionendpoint");
  if (endpoint !== undefined && !(URL.canParse(endpoint) && new URL(endpoint).protocol === "https:")) {
    throw new TypeError("the IngestionEndpoint of Application Insights must be an https URL");
  }
}
