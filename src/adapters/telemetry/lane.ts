import type { LogRecordProcessor, SdkLogRecord } from "@opentelemetry/sdk-logs";
import type { Sender } from "./sender.ts";

/**
 * Records on their way to Application Insights: sent in batches, one after the other, and again out of memory as far as
 * a batch was not taken (the exporter's own store is a disk that goes with the instance). The SDK's own processor drops
 * such a batch, and does not count what it drops. Nothing is sampled; no timer keeps the process alive.
 */
export interface LaneOptions {
  sendAfterMs: number;
  /** How long a batch waits after its first, second ... failure; after the last it is lost. */
  retryDelaysMs: readonly number[];
  attemptWithinMs: number;
  /** Those beyond are lost: memory is bounded. */
  maxWaiting: number;
}

const batchSize = 512;
/** A process that ends has few seconds: attempts are this short then, and the next one follows this soon. */
const drainAttemptMs = 1_000;
const drainDelayMs = 200;
/** Outside of all scopes: a function made beside a batch would keep it. */
const nothing = () => {};

/**
 * The lane that sends with `send`. `lost` is called with the number of records that are given up, each counted once.
 */
export function createLane(send: Sender, options: LaneOptions, lost: (count: number) => void) {
  const { sendAfterMs, retryDelaysMs, attemptWithinMs, maxWaiting } = options;
  const waiting: SdkLogRecord[] = [];
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let wake = nothing;
  let giveUp = nothing;
  let isDraining = false;

  const attempt = (batch: SdkLogRecord[]) =>
    new Promise<SdkLogRecord[]>((resolve) => {
      giveUp = () => resolve(batch);
      const givenUp = setTimeout(
        giveUp,
        isDraining ? Math.min(attemptWithinMs, drainAttemptMs) : attemptWithinMs,
      ).unref();
      void send(batch).then((left) => {
        // It would keep a batch that has long been sent.
        clearTimeout(givenUp);
        giveUp = nothing;
        resolve(left);
      });
    });
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      wake = resolve;
      setTimeout(resolve, ms).unref();
    });
  const sendBatch = async (batch: SdkLogRecord[]): Promise<void> => {
    let left = await attempt(batch);
    for (const delayMs of retryDelaysMs) {
      if (left.length === 0) return;
      await pause(isDraining ? Math.min(delayMs, drainDelayMs) : delayMs);
      left = await attempt(left);
    }
    if (left.length > 0) lost(left.length);
  };
  const sendAll = async () => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, batchSize);
      await sendBatch(batch);
      waiting.splice(0, batch.length);
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

  return {
    onEmit(record) {
      if (waiting.length >= maxWaiting) return lost(1);
      waiting.push(record);
      if (sending !== undefined) return;
      if (waiting.length >= batchSize) void start();
      else timer ??= setTimeout(start, sendAfterMs).unref();
    },
    /**
     * Before the process ends. Until everything is sent or lost; a batch that waits for its next attempt does not wait
     * any longer, and the attempt that is under way has only as long as the next ones.
     */
    forceFlush() {
      if (!isDraining) setTimeout(giveUp, drainAttemptMs).unref();
      isDraining = true;
      wake();
      return start();
    },
    shutdown: async () => {},
  } satisfies LogRecordProcessor;
}
