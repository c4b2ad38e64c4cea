import type { Guid } from "../../domain/shared/guid.ts";
import { timeOfLedgerId } from "../../domain/signing/ledger-id.ts";

/**
 * The partition of a ledger row. Each hour has sixteen: enough to spread hundreds of signatures a second (a partition
 * takes about 2,000 writes a second), and few enough to read a whole hour. The id alone determines it.
 */
export function partitionOf(id: Guid): string {
  return `${hourOf(timeOfLedgerId(id))}_${id.at(-1)}`;
}

/** All partitions of the hour that holds this time, milliseconds since 1970. */
export function ledgerPartitions(timeMs: number): string[] {
  return Array.from("0123456789abcdef", (shard) => `${hourOf(timeMs)}_${shard}`);
}

/** The hour in UTC, as text that sorts by time. */
export function hourOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 13);
}

/** The start of a partition's hour, milliseconds since 1970; NaN for a name that `partitionOf` does not give. */
export function hourOfPartition(partition: string): number {
  return /^[0-9-]{10}T[0-9]{2}_[0-9a-f]$/.test(partition) ? Date.parse(`${partition.slice(0, 13)}:00:00Z`) : Number.NaN;
}

/** The lowest row key (UUID version 7) of a time. */
export function keyAt(timeMs: number): string {
  const hex = Math.max(0, Math.floor(timeMs)).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
