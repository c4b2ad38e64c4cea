import { type Random, randomOf } from "../../local/synthetic-year/random.ts";
import { partitionOf } from "../../src/adapters/storage/ledger-partition.ts";
import { type Guid, parseGuid } from "../../src/domain/shared/guid.ts";

/** Number of writes by second and partition. */
export type Cells = Map<number, Map<string, number>>;

export interface Distribution {
  signatures: number;
  seconds: number;
  partitions: number;
  /** Writes a second, intents and outcomes together. */
  meanPerPartition: number;
  /** The busiest partition in its busiest second. */
  hottestPerSecond: number;
  /** All partitions together, in the account's busiest second. */
  accountHottestPerSecond: number;
  /** Writes of the partition with the most and of the one with the fewest, over the whole time. */
  most: number;
  fewest: number;
}

const startMs = Date.UTC(2027, 0, 1, 12);
const seconds = 900;

/**
 * Simulates a quarter of an hour of signatures at random times, through the product's own partition function. Outcomes
 * follow within a second.
 */
export function simulateQuarter(seed: number, signaturesPerSecond: number): Distribution {
  const random = randomOf(seed);
  const cells: Cells = new Map();
  let signatures = 0;
  for (let second = 0; second < seconds; second++) {
    const count = random.poisson(signaturesPerSecond);
    signatures += count;
    for (let i = 0; i < count; i++) {
      const offsetMs = Math.floor(random.next() * 1_000);
      const partition = partitionOf(seededLedgerId(startMs + second * 1_000 + offsetMs, random));
      countWrite(cells, second, partition);
      countWrite(cells, second + Math.floor((offsetMs + random.next() * 1_000) / 1_000), partition);
    }
  }
  return distributionOf(cells, signatures, seconds);
}

export function countWrite(cells: Cells, second: number, partition: string): void {
  const cell = cells.get(second) ?? new Map<string, number>();
  cells.set(second, cell.set(partition, (cell.get(partition) ?? 0) + 1));
}

export function distributionOf(cells: Cells, signatures: number, overSeconds: number): Distribution {
  const totals = new Map<string, number>();
  let hottest = 0;
  let accountHottest = 0;
  for (const cell of cells.values()) {
    let all = 0;
    for (const [partition, writes] of cell) {
      totals.set(partition, (totals.get(partition) ?? 0) + writes);
      hottest = Math.max(hottest, writes);
      all += writes;
    }
    accountHottest = Math.max(accountHottest, all);
  }
  const sums = [...totals.values()];
  return {
    signatures,
    seconds: overSeconds,
    partitions: totals.size,
    meanPerPartition: sums.reduce((sum, n) => sum + n, 0) / totals.size / overSeconds,
    hottestPerSecond: hottest,
    accountHottestPerSecond: accountHottest,
    most: Math.max(...sums),
    fewest: Math.min(...sums),
  };
}

/** Follows `createLedgerId` (UUID version 7), with seeded bits instead of random ones. */
function seededLedgerId(timeMs: number, random: Random): Guid {
  const time = timeMs.toString(16).padStart(12, "0");
  const digits = (count: number) =>
    Math.floor(random.next() * 16 ** count)
      .toString(16)
      .padStart(count, "0");
  const id = `${time.slice(0, 8)}-${time.slice(8)}-7${digits(3)}-8${digits(3)}-${digits(4)}${digits(8)}`;
  const guid = parseGuid(id);
  if (guid === undefined) throw new Error(`no GUID: ${id}`);
  return guid;
}
