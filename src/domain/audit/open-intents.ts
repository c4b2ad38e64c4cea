import type { LedgerRow } from "./findings.ts";
import { keyOf } from "./rows.ts";
import type { VaultLogRow } from "./vault-log.ts";

/**
 * Which signature is made under which open intent: one whose outcome, or whose request id, is not known. The argument for
 * the order in which they are given out is in reconcile.ts.
 */

/** The vault's time of a signature, from its intent's: clocks may differ by a minute, and both requests take their time. */
export const coversBeforeMs = 60_000;
export const coversAfterMs = 90_000;
/** Of those that an unaccounted signature could be mistaken for. */
const candidatesShown = 10;

export interface Assignment {
  row: VaultLogRow;
  /** The open intent that covers it. */
  ledgerId?: string;
  candidates: string[];
}

/** Both sorted by time. */
export function assignOpenIntents(signatures: readonly VaultLogRow[], open: readonly LedgerRow[]): Assignment[] {
  const openByKey = Map.groupBy(open, keyOf);
  return [...Map.groupBy(signatures, keyOf)].flatMap(([key, rows]) => {
    const intents = openByKey.get(key) ?? [];
    const holders: (VaultLogRow | undefined)[] = [];
    return rows.map((row): Assignment => {
      for (let intent = intents[holders.length]; intent; intent = intents[holders.length]) {
        if (intent.timeMs + coversAfterMs >= row.timeMs) break;
        holders.push(undefined);
      }
      const intent = intents[holders.length];
      if (intent && covers(intent, row)) {
        holders.push(row);
        return { row, ledgerId: intent.id, candidates: [] };
      }
      const rivals = holders.filter((holder, index) => {
        const rival = intents[index];
        return holder !== undefined && rival !== undefined && covers(rival, row);
      });
      return { row, candidates: rivals.slice(-candidatesShown).flatMap((rival) => rival?.requestId ?? []) };
    });
  });
}

/** The last moment up to `fromMs` that no open intent covers. */
export function chainStart(open: readonly LedgerRow[], fromMs: number): number {
  const starts = [...Map.groupBy(open, keyOf).values()].map((intents) =>
    intents.reduceRight(
      (startMs, intent) => (covers(intent, { timeMs: startMs }) ? firstCovered(intent) - 1 : startMs),
      fromMs,
    ),
  );
  return Math.min(fromMs, ...starts);
}

const firstCovered = (intent: LedgerRow) => intent.timeMs - coversBeforeMs;

/** Whether a signature at this time, milliseconds since 1970, can belong to the open intent. */
export function covers(intent: LedgerRow, { timeMs }: { timeMs: number }): boolean {
  return timeMs >= firstCovered(intent) && timeMs <= intent.timeMs + coversAfterMs;
}
