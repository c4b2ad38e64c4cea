import type { Guid } from "../../domain/shared/guid.ts";
import { timeOfLedgerId } from "../../domain/signing/ledger-id.ts";

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

/** The start of a partition's hour, milliseconds since 1970; NaN for a name that `partitionOf` does not give. */
export function hourOfPartition(partition: string): number {
  return /^[0-9-]{10}T[0-9]{2}_[0-9a-f]$/.test(partition) ? Date.parse(`${partition.slice(0, 13)}:00:00Z`) : Number.NaN;
}

/** The least row key (UUID version 7) of a time. */
export function keyAt(timeMs: number): string {
  const hex = Math.max(0, Math.floor(timeMs)).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
