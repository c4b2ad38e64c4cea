import type { StartDeadline } from "../shared/retry.ts";

/** How many requests may wait for keys at once, from all callers: anyone can make up an unknown `kid`. */
const maxWaiting = 20;
/** Milliseconds that each of them waits at most; the look-up itself continues. */
const maxWaitMs = 2_000;
/** Milliseconds between two look-ups (Entra's own advice). */
const intervalMs = 300_000;
/** The same after a look-up that confirmed nothing. */
const unansweredIntervalMs = 30_000;

export interface KeyLookUpPorts {
  /** Whether any key is known. If none is, the instance has just started: no caller can be served, so all may wait. */
  hasKeys(nowMs: number): boolean;
  isKnown(kid: string, nowMs: number): boolean;
  /** Asks the provider for its keys; calls made meanwhile wait for the same answer. */
  asking: ((nowMs: number) => Promise<void>) & { isRunning(): boolean };
  /** Whether the last look-up brought keys that were accepted. */
  isConfirmed(): boolean;
  startDeadline: StartDeadline;
}

/** Resolves to whether the provider was asked after this `kid` was first seen. Only then is it sure to be unknown. */
export type LookUpKey = (kid: string, nowMs: number) => Promise<boolean>;

/**
 * Looks unknown keys up, once for all requests that wait. Anybody can cause it without a valid token, so both the
 * look-ups and the requests that wait are bounded. The other requests get no look-up and should retry.
 */
export function createKeyLookUp(ports: KeyLookUpPorts): LookUpKey {
  const waiting = new Set<{ kid: string }>();
  let allowedAtMs = Number.NEGATIVE_INFINITY;
  /** The unknown keys of the last look-up: at most as many as requests waited for it. */
  let lookedUp: ReadonlySet<string> = new Set();

  async function lookUp(kid: string, nowMs: number): Promise<void> {
    // A look-up that began before this key was seen may find it, but cannot prove that it does not exist.
    if (ports.asking.isRunning()) await ports.asking(nowMs);
    if (ports.isKnown(kid, nowMs)) return;
    if (nowMs < allowedAtMs) return ports.asking.isRunning() ? ports.asking(nowMs) : undefined;
    allowedAtMs = nowMs + intervalMs;
    lookedUp = new Set();
    const kids = new Set([...waiting].map((request) => request.kid));
    await ports.asking(nowMs);
    if (ports.isConfirmed()) lookedUp = kids;
    else allowedAtMs = nowMs + unansweredIntervalMs;
  }

  return async (kid, nowMs) => {
    const isLookedUp = () => nowMs < allowedAtMs && lookedUp.has(kid);
    const mayBeFound = nowMs >= allowedAtMs || ports.asking.isRunning();
    const isFull = waiting.size >= maxWaiting && ports.hasKeys(nowMs);
    if (isLookedUp() || !mayBeFound || isFull) return isLookedUp();
    const request = { kid };
    waiting.add(request);
    const { signal } = ports.startDeadline(maxWaitMs);
    const timedOut = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    try {
      await Promise.race([lookUp(kid, nowMs), timedOut]);
    } finally {
      waiting.delete(request);
    }
    return isLookedUp();
  };
}
