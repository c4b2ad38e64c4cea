import { within } from "./deadline.ts";

/** Milliseconds for each part. */
const withinMs = 10_000;

/**
 * Gets things ready that the first request needs, side by side. Never rejects: what fails now is asked for again by the
 * request that needs it, which also reports it.
 */
export async function warmUp(parts: readonly (() => Promise<unknown>)[]): Promise<void> {
  await Promise.allSettled(parts.map((part) => within(withinMs, async () => part())));
}
