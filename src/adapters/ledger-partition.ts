import type { Guid } from "../domain/guid.ts";
import { timeOfLedgerId } from "../domain/sign-audit/ledger-id.ts";

/**
 * Where a row of the ledger lies: an hour in sixteen partitions. Spread enough that hundreds of signatures a second do
 * not meet in one (a partition takes some 2,000 writes a second), few enough to read an hour; found from the id alone.
 */
export function partitionOf(id: Guid): string {
  return `${hourOf(timeOfLedgerId(id))}_${id.at(-1)}`;
}

/** All partitions of the hour that holds this time, milliseconds since 1970. */
export function ledgerPartitions(timeMs: number): string[] {
  return Array.from({ length: 16 }, (_, shard) => `${hourOf(timeMs)}_${shard.toString(16)}`);
}

/** UTC, as text that sorts by time. */
export function hourOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 13);
}
