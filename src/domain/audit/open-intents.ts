import type { LedgerRow } from "./findings.ts";
import { compareText, instanceOf, keyOf } from "./rows.ts";
import type { VaultLogRow } from "./vault-log.ts";

/**
 * Matches signatures with open intents: those whose outcome, or whose request id, is not known. An intent covers one
 * signature with its key version, near its time, by its own instance; if the log does not name an instance, by any.
 *
 * Matched in the order of time: a signature gets the oldest intent that still covers it. As all intents cover equally
 * long, this leaves the least possible number uncovered (where all rows name an instance, or none does), a late row
 * never takes back a finding, and nothing depends on what is later. It also uses up the intents of an instance in
 * order, so that all that the next window must know of this one is the last intent that was used: `Carry`.
 */

/**
 * How far the vault's time of a signature may be from its intent's: clocks may differ by a minute, and both requests
 * take time.
 */
export const coversBeforeMs = 60_000;
export const coversAfterMs = 90_000;
/** The most candidates that are listed for an unaccounted signature. */
const candidatesShown = 10;
/** The most of these that are from before the window. */
const candidatesCarried = 3;

/** An intent that a signature has used up. */
interface Used {
  timeMs: number;
  id: string;
  requestId: string;
}

/** By key version and instance: the last intents that signatures have used up and that could cover later ones too. */
export type Carry = Readonly<Record<string, readonly Used[]>>;

export interface Assignment {
  row: VaultLogRow;
  /** The open intent that covers it. */
  intent?: LedgerRow;
  candidates: string[];
}

/** The open intents of one key version and instance, oldest first. */
interface Queue {
  instance: string;
  intents: readonly LedgerRow[];
  /** Index of the first that is neither used nor too old. */
  next: number;
  used: Used[];
}

/**
 * Both sorted by time, the signatures those of one window. `carry` is that of the window before; what is returned is
 * for the one that begins at `toMs`.
 */
export function assignOpenIntents(
  signatures: readonly VaultLogRow[],
  open: readonly LedgerRow[],
  carry: Carry,
  toMs: number,
): { assignments: Assignment[]; carry: Carry } {
  const queues = new Map<string, Queue>();
  const ofKey = new Map<string, Queue[]>();
  for (const [name, intents] of Map.groupBy(open, queueOf)) {
    const used = [...(carry[name] ?? [])];
    const last = used.at(-1);
    const isUsed = ({ timeMs, id }: LedgerRow) =>
      last !== undefined && (timeMs - last.timeMs || compareText(id, last.id)) <= 0;
    const left = intents.filter((intent) => !isUsed(intent));
    const [first] = intents;
    if (!first) continue;
    const queue = { instance: first.instance.toLowerCase(), intents: left, next: 0, used };
    queues.set(name, queue);
    ofKey.set(keyOf(first), [...(ofKey.get(keyOf(first)) ?? []), queue]);
  }
  const assignments = signatures.map((row) => assign(row, ofKey.get(keyOf(row)) ?? []));
  const carried = [...queues].flatMap(([name, { used }]) => {
    const left = used.filter(({ timeMs }) => timeMs + coversAfterMs >= toMs).slice(-candidatesCarried);
    return left.length > 0 ? [[name, left] as const] : [];
  });
  return { assignments, carry: Object.fromEntries(carried.sort(([a], [b]) => compareText(a, b))) };
}

function assign(row: VaultLogRow, ofKey: readonly Queue[]): Assignment {
  const instance = instanceOf(row);
  const queues = instance === undefined ? ofKey : ofKey.filter((queue) => queue.instance === instance);
  let oldest: { queue: Queue; intent: LedgerRow } | undefined;
  for (const queue of queues) {
    let intent = queue.intents[queue.next];
    while (intent && intent.timeMs + coversAfterMs < row.timeMs) intent = queue.intents[++queue.next];
    if (intent && covers(intent, row) && (!oldest || intent.timeMs < oldest.intent.timeMs)) oldest = { queue, intent };
  }
  if (oldest) {
    const { timeMs, id } = oldest.intent;
    oldest.queue.next += 1;
    oldest.queue.used.push({ timeMs, id, requestId: row.requestId });
    return { row, intent: oldest.intent, candidates: [] };
  }
  const rivals = queues.flatMap(({ used }) => used.slice(-candidatesShown)).filter((rival) => covers(rival, row));
  return { row, candidates: rivals.slice(-candidatesShown).map(({ requestId }) => requestId) };
}

function queueOf(intent: LedgerRow): string {
  return `${keyOf(intent)} ${intent.instance.toLowerCase()}`;
}

/** Whether a signature at this time, milliseconds since 1970, can belong to the intent. */
export function covers(intent: { timeMs: number }, { timeMs }: { timeMs: number }): boolean {
  return timeMs >= intent.timeMs - coversBeforeMs && timeMs <= intent.timeMs + coversAfterMs;
}
