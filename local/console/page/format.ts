/** Formats numbers, times and answers for the page: short, and aligned in columns. */
import type { Call, RequestRow } from "../snapshot.ts";

const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const moment = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  timeZone: "UTC",
});

export const clock = (timeMs: number): string => time.format(timeMs);
export const day = (timeMs: number): string => date.format(timeMs);
/** UTC, like the synthetic year. */
export const dayAndTime = (timeMs: number): string => moment.format(timeMs);

export function ago(timeMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - timeMs) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}

/** The host of a scope such as `https://graph.microsoft.com/.default`. */
export function resource(scope: string): string {
  return scope.replace(/^https:\/\//, "").replace(/\/\.default$/, "");
}

export const words = (name: string): string => name.replaceAll("_", " ").replaceAll("-", " ");

/** How a request was answered, in one word: `cached`, `minted`, or its outcome if nothing was issued. */
export function answerOf({ outcome, cached }: Pick<RequestRow, "outcome" | "cached">): string {
  if (outcome === "issued") return cached ? "cached" : "minted";
  return outcome;
}

/** Shorter gaps are Keyhold's own work. */
const leastWaitMs = 20;

/** The waits between a failed call and the next attempt, by the index of the call that ends them. */
export function waitsOf(calls: readonly Call[]): Map<number, { fromMs: number; tookMs: number }> {
  const waits = new Map<number, { fromMs: number; tookMs: number }>();
  for (const [i, call] of calls.entries()) {
    const before = calls[i - 1];
    if (before?.error === undefined) continue;
    const fromMs = before.fromMs + before.tookMs;
    const tookMs = call.fromMs - fromMs;
    if (tookMs >= leastWaitMs) waits.set(i, { fromMs, tookMs });
  }
  return waits;
}
