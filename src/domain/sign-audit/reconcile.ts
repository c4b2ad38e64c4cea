import { createFinding, type Finding, identityOf, type LedgerRow } from "./finding.ts";
import type { VaultLogRow } from "./vault-log.ts";

/**
 * Holds the vault's log against the ledger, for one window of time. Against a thief with our signing identity who has
 * the vault sign behind the ledger (T7, T20), and against who cuts one of the two records (T15). Pure: it does not
 * read, write or know a clock.
 *
 * A signature is accounted for by the ledger row with its request id, else by an open intent (outcome unknown, no
 * request id) for the same key version, whose time is near; each covers one signature. Both are given out in the order
 * of time: a signature gets the oldest intent that still covers it. As all intents cover equally long, this leaves the
 * least possible number uncovered, a late row never takes back a finding, and nothing depends on what is later.
 *
 * Borders: a moment that no open intent covers separates what is before from what is after. The rows back to such a
 * moment must be read (else `isComplete` is false), so that every window derives the same assignment: an intent near a
 * border cannot cover one signature in the window before and another in the window after.
 *
 * What can hide: one signature behind each open intent, if made within its time for its key version; so these are
 * listed as `covered` and reported when there are many. Whoever can write the ledger can hide all he does.
 */

/** The vault's time of a signature, from its intent's: clocks may differ by a minute, and both requests take their time. */
export const coversBeforeMs = 60_000;
export const coversAfterMs = 90_000;
/** A request id is never used twice, so it needs no narrow time: only one within which all candidates are read. */
const sameRequestMs = 10 * 60_000;
/** What must be read around the window, of both records; before it more, where open intents chain up. */
export const contextBeforeMs = 2 * sameRequestMs;
export const contextAfterMs = sameRequestMs;
/** The log promises ten minutes. */
export const missingGraceMs = 60 * 60_000;
/** More than this is reported: a number, or a share once there are some. A single crash is not. */
const openIntentsAllowed = { count: 5, share: 0.1, shareFrom: 3 };
const candidatesShown = 10;

export interface ReconcileInput {
  /** Rows belong to the window of their own time: from inclusive, to exclusive. */
  windowFromMs: number;
  windowToMs: number;
  /** All rows of this time were read; more, in any order, and repeated ones change nothing. */
  readFromMs: number;
  readToMs: number;
  vaultRows: readonly VaultLogRow[];
  ledgerRows: readonly LedgerRow[];
  ours: {
    signingObjectId: string;
    /** Whose signatures by others are reported; without it, all keys of the vault. */
    keyNames?: readonly string[];
  };
  nowMs: number;
}

export type Reconciliation =
  /** Read from there, and ask again. */
  | { isComplete: false; readFromMs: number }
  | {
      isComplete: true;
      findings: Finding[];
      /** Signatures of the window that only an open intent accounts for. */
      covered: { row: VaultLogRow; ledgerId: string }[];
      /** Of the window. `signatures` are those by our identity. */
      counts: { signatures: number; covered: number; unaccounted: number; intents: number; openIntents: number };
      /** What is found in the next window depends on the rows of this one. */
      reachesNext: boolean;
    };

export function reconcile(input: ReconcileInput): Reconciliation {
  const { windowFromMs, windowToMs, readFromMs, nowMs } = input;
  if (input.readToMs < windowToMs + contextAfterMs) throw new RangeError("too little was read after the window");
  const inWindow = ({ timeMs }: { timeMs: number }) => timeMs >= windowFromMs && timeMs < windowToMs;
  const ledgerRows = sortedLedger(input.ledgerRows);
  const open = ledgerRows.filter(isOpen);
  const neededMs = chainStart(open, windowFromMs) - contextBeforeMs;
  // At least twice as far back as before: even a chain of a day takes few reads.
  if (neededMs < readFromMs)
    return { isComplete: false, readFromMs: Math.min(neededMs, 2 * readFromMs - windowFromMs) };

  const vaultRows = sortedVault(input.vaultRows);
  const { isOurs, isOurKey } = ownership(input.ours);
  const ledgerById = Map.groupBy(ledgerRows.filter(hasRequestId), ({ vaultRequestId }) => vaultRequestId.toLowerCase());
  const signed = vaultRows.filter((row) => isSign(row) && !isRefused(row));
  const signatures = signed.filter(isOurs);
  const accounted = accountedById(signatures, ledgerById);
  const assigned = assignOpenIntents(
    signatures.filter((row) => !accounted.has(row)),
    open,
  );

  const findings: Finding[] = [];
  for (const { row, ledgerId, candidates } of assigned.filter(({ row }) => inWindow(row))) {
    if (ledgerId !== undefined) continue;
    const contradicted = ledgerById.get(requestOf(row))?.[0];
    findings.push(
      createFinding("unaccounted_signature", 0, identityOf(row), {
        ...row,
        ...(contradicted ? { ledgerId: contradicted.id } : {}),
        ...(candidates.length > 0 ? { candidates } : {}),
      }),
    );
  }
  for (const row of vaultRows.filter(inWindow)) {
    const finding = judgeAlone(row, isOurs(row), isOurKey(row), ledgerRows, ledgerById);
    if (finding) findings.push(finding);
  }
  const signedById = Map.groupBy(signed, requestOf);
  const intents = ledgerRows.filter(inWindow);
  for (const row of intents.filter(hasRequestId)) {
    const isDue = saysSigned(row) && nowMs - row.timeMs >= missingGraceMs;
    const { id, timeMs, keyName, keyVersion, vaultRequestId } = row;
    if (!isDue || signedById.get(vaultRequestId.toLowerCase())?.some((found) => isSameTime(found, row))) continue;
    const facts = { timeMs, keyName, keyVersion, requestId: vaultRequestId, ledgerId: id };
    findings.push(createFinding("missing_record", 1, id, facts));
  }
  const openIntents = intents.filter(isOpen).length;
  if (isTooMany(openIntents, intents.length)) {
    const facts = { timeMs: windowFromMs, openIntents, intents: intents.length };
    findings.push(createFinding("open_intents", 2, String(windowFromMs), facts));
  }

  const covered = assigned.flatMap(({ row, ledgerId }) =>
    ledgerId !== undefined && inWindow(row) ? [{ row, ledgerId }] : [],
  );
  return {
    isComplete: true,
    findings: findings.sort((a, b) => a.timeMs - b.timeMs || compareText(a.id, b.id)),
    covered,
    counts: {
      signatures: signatures.filter(inWindow).length,
      covered: covered.length,
      unaccounted: findings.filter(({ kind }) => kind === "unaccounted_signature").length,
      intents: intents.length,
      openIntents,
    },
    reachesNext: open.some(
      ({ timeMs }) => timeMs - coversBeforeMs < windowToMs && timeMs + coversAfterMs >= windowToMs,
    ),
  };
}

/** What one row of the vault's log says by itself, without a signature being looked for. */
function judgeAlone(
  row: VaultLogRow,
  isOurs: boolean,
  isOurKey: boolean,
  ledgerRows: readonly LedgerRow[],
  ledgerById: Map<string, unknown>,
): Finding | undefined {
  // The challenge of the SDK's first request: nobody was identified and nothing was done.
  if (row.operation.toLowerCase() === "authentication" || row.httpStatus === 401) return undefined;
  const cause = identityOf(row);
  const refused = isRefused(row);
  if (!isSign(row)) return isOurs ? createFinding("foreign_operation", refused ? 1 : 0, cause, { ...row }) : undefined;
  if (!isOurs) return isOurKey ? createFinding("foreign_identity", refused ? 2 : 0, cause, { ...row }) : undefined;
  if (!refused || ledgerById.has(requestOf(row))) return undefined;
  // Nothing was stolen, so any intent that does not know its request may explain any number of refusals.
  const isExplained = ledgerRows.some(
    (intent) => !hasRequestId(intent) && keyOf(intent) === keyOf(row) && covers(intent, row),
  );
  return isExplained ? undefined : createFinding("unaccounted_refusal", 2, cause, { ...row });
}

/** One request is one signature: of different rows with one request id, which should not be, the first is accounted. */
function accountedById(
  signatures: readonly VaultLogRow[],
  ledgerById: Map<string, LedgerRow[]>,
): ReadonlySet<VaultLogRow> {
  const taken = new Map<string, VaultLogRow>();
  for (const row of signatures) {
    const isAccounted = ledgerById
      .get(requestOf(row))
      ?.some(
        (intent) =>
          intent.outcome !== "not_signed" && isSameTime(row, intent) && (lacksKey(row) || keyOf(intent) === keyOf(row)),
      );
    if (isAccounted && !taken.has(requestOf(row))) taken.set(requestOf(row), row);
  }
  return new Set(taken.values());
}

interface Assignment {
  row: VaultLogRow;
  /** The open intent that covers it. */
  ledgerId?: string;
  candidates: string[];
}

/** Both sorted by time. */
function assignOpenIntents(signatures: readonly VaultLogRow[], open: readonly LedgerRow[]): Assignment[] {
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
function chainStart(open: readonly LedgerRow[], fromMs: number): number {
  const starts = [...Map.groupBy(open, keyOf).values()].map((intents) =>
    intents.reduceRight(
      (startMs, intent) => (covers(intent, { timeMs: startMs }) ? firstCovered(intent) - 1 : startMs),
      fromMs,
    ),
  );
  return Math.min(fromMs, ...starts);
}

const firstCovered = (intent: LedgerRow) => intent.timeMs - coversBeforeMs;

function covers(intent: LedgerRow, { timeMs }: { timeMs: number }): boolean {
  return timeMs >= firstCovered(intent) && timeMs <= intent.timeMs + coversAfterMs;
}

function isSameTime(row: VaultLogRow, intent: LedgerRow): boolean {
  return Math.abs(row.timeMs - intent.timeMs) <= sameRequestMs;
}

function hasRequestId(row: LedgerRow): row is LedgerRow & { vaultRequestId: string } {
  return Boolean(row.vaultRequestId);
}

/** It is not known whether, or with which request, the vault signed. An outcome with a request id covers only that. */
function isOpen(row: LedgerRow): boolean {
  return row.outcome !== "not_signed" && !hasRequestId(row);
}

function saysSigned({ outcome }: LedgerRow): boolean {
  return outcome !== undefined && outcome !== "not_signed" && outcome !== "maybe_signed";
}

function isTooMany(open: number, all: number): boolean {
  const { count, share, shareFrom } = openIntentsAllowed;
  return open > count || (open >= shareFrom && open > share * all);
}

function isSign(row: VaultLogRow): boolean {
  return row.operation.toLowerCase() === "keysign";
}

function isRefused(row: VaultLogRow): boolean {
  return row.httpStatus >= 400;
}

/** A row that does not tell who or which key is judged as the worst it can be. */
function ownership({ signingObjectId, keyNames }: ReconcileInput["ours"]) {
  const names = keyNames && new Set(keyNames.map((name) => name.toLowerCase()));
  return {
    isOurs: ({ callerObjectId }: VaultLogRow) => callerObjectId?.toLowerCase() === signingObjectId.toLowerCase(),
    isOurKey: ({ keyName }: VaultLogRow) => !names || keyName === undefined || names.has(keyName.toLowerCase()),
  };
}

function requestOf({ requestId }: VaultLogRow): string {
  return requestId.toLowerCase();
}

function lacksKey({ keyName, keyVersion }: VaultLogRow): boolean {
  return keyName === undefined || keyVersion === undefined;
}

function keyOf({ keyName, keyVersion }: { keyName?: string; keyVersion?: string }): string {
  return `${keyName}/${keyVersion}`.toLowerCase();
}

function sortedVault(rows: readonly VaultLogRow[]): VaultLogRow[] {
  const unique = new Map(rows.map((row) => [identityOf(row), row]));
  return [...unique]
    .sort(([a, rowA], [b, rowB]) => rowA.timeMs - rowB.timeMs || compareText(a, b))
    .map(([, row]) => row);
}

/** Of a row that was read twice, the one that knows the outcome. */
function sortedLedger(rows: readonly LedgerRow[]): LedgerRow[] {
  const unique = new Map<string, LedgerRow>();
  for (const row of rows) if (unique.get(row.id)?.outcome === undefined) unique.set(row.id, row);
  return [...unique.values()].sort((a, b) => a.timeMs - b.timeMs || compareText(a.id, b.id));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
