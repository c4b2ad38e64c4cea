import type { StartDeadline } from "../shared/retry.ts";

/** Requests that wait for keys at once, whoever sends them: anyone can make up an unknown `kid`. */
const maxWaiting = 20;
/** Milliseconds that each of them waits at most; the look-up itself continues. */
const maxWaitMs = 2_000;
/** Milliseconds between two look-ups (Entra's own advice). */
const intervalMs = 300_000;
/** The same where the last one confirmed nothing. */
const unansweredIntervalMs = 30_000;

export interface KeyLookUpPorts {
  /** Whether any key is known. Without one no caller can be served, so all may wait: the instance has just started. */
  hasKeys(nowMs: number): boolean;
  isKnown(kid: string, nowMs: number): boolean;
  /** Asks the provider for its keys; whoever comes while that is under way waits for it. */
  asking: ((nowMs: number) => Promise<void>) & { isRunning(): boolean };
  /** Whether the last asking brought keys that were accepted. */
  isConfirmed(): boolean;
  startDeadline: StartDeadline;
}

/** Resolves to whether the provider was asked after this `kid` was first seen: only then is it known to be unknown. */
export type LookUpKey = (kid: string, nowMs: number) => Promise<boolean>;

/**
 * Looks keys up that are not known, once for all who wait. Anybody can cause it without a valid token, so both the
 * requests that wait and the look-ups are bounded; for the others the key was not looked up, and they should retry.
 */
export function createKeyLookUp(ports: KeyLookUpPorts): LookUpKey {
  const waiting = new Set<{ kid: string }>();
  let allowedAtMs = Number.NEGATIVE_INFINITY;
  /** By the last look-up: at most as many as waited for it. */
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
