import { createFinding, type Finding, identityOf, type LedgerRow } from "./findings.ts";
import { assignOpenIntents, chainStart, covers, coversAfterMs, coversBeforeMs } from "./open-intents.ts";
import {
  compareText,
  hasRequestId,
  isOpen,
  isRefused,
  isSign,
  isSignature,
  keyOf,
  lacksKey,
  requestOf,
  saysSigned,
  sortedLedger,
  sortedVault,
} from "./rows.ts";
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

/** A request id is never used twice, so it needs no narrow time: only one within which all candidates are read. */
const sameRequestMs = 10 * 60_000;
/** What must be read around the window, of both records; before it more, where open intents chain up. */
export const contextBeforeMs = 2 * sameRequestMs;
export const contextAfterMs = sameRequestMs;
/** The log promises ten minutes. */
export const missingGraceMs = 60 * 60_000;
/** More than this is reported: a number, or a share once there are some. A single crash is not. */
const openIntentsAllowed = { count: 5, share: 0.1, shareFrom: 3 };

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

/**
 * Compares both records for one window, or says from when on more must be read first.
 * @throws RangeError where less was read after the window than `contextAfterMs`.
 */
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
  const signed = vaultRows.filter(isSignature);
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

function isSameTime(row: VaultLogRow, intent: LedgerRow): boolean {
  return Math.abs(row.timeMs - intent.timeMs) <= sameRequestMs;
}

function isTooMany(open: number, all: number): boolean {
  const { count, share, shareFrom } = openIntentsAllowed;
  return open > count || (open >= shareFrom && open > share * all);
}

/** A row that does not tell who or which key is judged as the worst it can be. */
function ownership({ signingObjectId, keyNames }: ReconcileInput["ours"]) {
  const names = keyNames && new Set(keyNames.map((name) => name.toLowerCase()));
  return {
    isOurs: ({ callerObjectId }: VaultLogRow) => callerObjectId?.toLowerCase() === signingObjectId.toLowerCase(),
    isOurKey: ({ keyName }: VaultLogRow) => !names || keyName === undefined || names.has(keyName.toLowerCase()),
  };
}
