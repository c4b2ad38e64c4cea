import { setImmediate as nextTurn } from "node:timers/promises";
import { within } from "./deadline.ts";

/** Milliseconds for each part. */
const withinMs = 10_000;

/**
 * Gets things ready that the first request needs, side by side. Each begins in a turn of the event loop of its own:
 * beginning takes milliseconds of loading code, and a request that is there meanwhile does not wait for all of it. Never
 * rejects: what fails now is asked for again by the request that needs it, which also reports it.
 */
export async function warmUp(parts: readonly (() => Promise<unknown>)[]): Promise<void> {
  const begun: Promise<unknown>[] = [];
  for (const part of parts) {
    begun.push(within(withinMs, async () => part()).catch(() => undefined));
    await nextTurn();
  }
  await Promise.all(begun);
}
