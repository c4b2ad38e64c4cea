import { createFinding, type Finding, identityOf, type LedgerRow, type UnaccountedReason } from "./findings.ts";
import {
  type Assignment,
  assignOpenIntents,
  type Carry,
  covers,
  coversAfterMs,
  coversBeforeMs,
} from "./open-intents.ts";
import { judgeRefusals } from "./refusals.ts";
import {
  compareText,
  hasRequestId,
  instanceOf,
  isOpen,
  isRefused,
  isSameKey,
  isSign,
  isSignature,
  lacksKey,
  lowerCase,
  requestOf,
  saysSigned,
  sortedLedger,
  sortedVault,
} from "./rows.ts";
import type { Refusals, VaultLogRow } from "./vault-log.ts";

/**
 * Compares the vault's log with the ledger, for one window of time. Detects an attacker with our signing identity who
 * asks the vault for signatures directly (T7, T20), and rows cut from one of the two records (T15). Pure: no I/O, no
 * clock.
 *
 * A signature is accounted for by the ledger row with its request id, if key and time agree, else by an open intent
 * (open-intents.ts). Each row of the ledger accounts for one. Of several rows with the same request id only the first
 * can be accounted for, since a client may choose the id.
 *
 * Borders: besides the window's own rows, only those within two and a half minutes are read. Which open intents the
 * windows before have used up comes with `carry`, so an intent near a border cannot cover one signature before it and
 * another one after.
 *
 * What can hide: docs/explain/sign-audit.md. Each signature that only an open intent accounts for is in `covered`.
 */

/** What must be read around the window: of the vault's log for repeated request ids, and for records of its intents. */
export const vaultContext = { beforeMs: coversBeforeMs + coversAfterMs, afterMs: coversAfterMs };
/** The same for the ledger: the intents that signatures in the window may have. */
export const ledgerContext = { beforeMs: coversAfterMs, afterMs: coversBeforeMs };
/** The log is promised to arrive within ten minutes. */
export const missingGraceMs = 60 * 60_000;
/** More than this is reported: a number, or a share once there are some. A single crash is not. */
const openIntentsAllowed = { count: 5, share: 0.1, shareFrom: 3 };

export interface ReconcileInput {
  /** Rows belong to the window of their own time: from inclusive, to exclusive. */
  windowFromMs: number;
  windowToMs: number;
  /** All that the vault carried out, from `vaultContext.beforeMs` before the window; more, or repeated, changes nothing. */
  vaultRows: readonly VaultLogRow[];
  /** What the vault refused, of the window. */
  refusals: readonly Refusals[];
  /** With `ledgerContext`; more, in any order, and repeated rows change nothing. */
  ledgerRows: readonly LedgerRow[];
  /** What the window before has left. */
  carry: Carry;
  signingObjectId: string;
  nowMs: number;
}

/** A signature that only an open intent accounts for. */
export interface CoveredSignature {
  row: VaultLogRow;
  ledgerId: string;
  /** `instance`: the row names the intent's. `unknown`: the log has no User-Agent, so key version and time decided. */
  coveredBy: "instance" | "unknown";
}

export interface Reconciliation {
  findings: Finding[];
  covered: CoveredSignature[];
  /** For the next window. */
  carry: Carry;
  /**
   * Whether the findings can still change without a new row of the log: an outcome may arrive, or a record become due.
   */
  isPending: boolean;
  /** Of the window. `signatures` are those by our identity. */
  counts: { signatures: number; covered: number; unaccounted: number; intents: number; openIntents: number };
  /** Signatures of the window, by anybody, by the name of their key. */
  signs: ReadonlyMap<string, number>;
}

/** Compares both records for one window. */
export function reconcile(input: ReconcileInput): Reconciliation {
  const { windowFromMs, windowToMs, nowMs } = input;
  const inWindow = ({ timeMs }: { timeMs: number }) => timeMs >= windowFromMs && timeMs < windowToMs;
  const ourId = lowerCase(input.signingObjectId);
  const isOurs = ({ callerObjectId = "" }: VaultLogRow) => lowerCase(callerObjectId) === ourId;
  const within = (fromMs: number, toMs: number) => (row: { timeMs: number }) =>
    row.timeMs >= fromMs && row.timeMs < toMs;
  const vaultRows = sortedVault(
    input.vaultRows.filter(within(windowFromMs - vaultContext.beforeMs, windowToMs + vaultContext.afterMs)),
  );
  const ledgerRows = sortedLedger(
    input.ledgerRows.filter(within(windowFromMs - ledgerContext.beforeMs, windowToMs + ledgerContext.afterMs)),
  );
  const intentsOf = indexByRequest(ledgerRows);
  const { chosen, notAccounted } = accountById(vaultRows, isOurs, intentsOf);
  const isRepeated = (row: VaultLogRow) => row.requestId !== "" && chosen.get(requestOf(row)) !== row;
  const open = ledgerRows.filter(isOpen);

  const doubtful = notAccounted.filter(inWindow);
  const coverable = doubtful.filter((row) => !isRepeated(row));
  const { assignments, carry } = assignOpenIntents(coverable, open, input.carry, windowToMs);
  const reasonOf = (row: VaultLogRow): UnaccountedReason =>
    isRepeated(row) ? "repeated_request" : reasonByLedger(row, intentsOf(requestOf(row)), open);
  const uncovered: Assignment[] = [
    ...assignments.filter(({ intent }) => !intent),
    ...doubtful.filter(isRepeated).map((row) => ({ row, candidates: [] })),
  ];

  const findings = uncovered.map(({ row, candidates }) => {
    const [contradicted] = intentsOf(requestOf(row));
    return createFinding("unaccounted_signature", 0, identityOf(row), {
      ...row,
      reason: reasonOf(row),
      ...(contradicted ? { ledgerId: contradicted.id } : {}),
      ...(candidates.length > 0 ? { candidates } : {}),
    });
  });
  for (const row of vaultRows) {
    if (!inWindow(row) || isRefused(row) || isSign(row) === isOurs(row)) continue;
    // Other identities' operations besides signing are not in the ledger.
    if (isSign(row)) findings.push(createFinding("foreign_identity", 0, identityOf(row), { ...row }));
    else findings.push(createFinding("foreign_operation", 0, identityOf(row), { ...row }));
  }

  const others = vaultRows.filter((row) => isSignature(row) && !isOurs(row));
  const isRecorded = recordedBy(chosen, [...notAccounted, ...others], intentsOf);
  const intents = ledgerRows.filter(inWindow);
  const unrecorded = intents.filter((intent) => saysSigned(intent) && !isRecorded(intent)).filter(hasRequestId);
  for (const { id, timeMs, keyName, keyVersion, vaultRequestId } of unrecorded) {
    if (nowMs - timeMs < missingGraceMs) continue;
    const facts = { timeMs, keyName, keyVersion, requestId: vaultRequestId, ledgerId: id };
    findings.push(createFinding("missing_record", 1, id, facts));
  }
  const unsigned = ledgerRows.filter((intent) => !saysSigned(intent) && !isRecorded(intent));
  findings.push(...judgeRefusals(input.refusals, isOurs, unsigned.length, windowFromMs));
  const openIntents = intents.filter(isOpen).length;
  if (isTooMany(openIntents, intents.length)) {
    const facts = { timeMs: windowFromMs, openIntents, intents: intents.length };
    findings.push(createFinding("open_intents", 2, String(windowFromMs), facts));
  }

  const covered = assignments.flatMap(({ row, intent }): CoveredSignature[] =>
    intent ? [{ row, ledgerId: intent.id, coveredBy: instanceOf(row) === undefined ? "unknown" : "instance" }] : [],
  );
  const signs = new Map<string, number>();
  let signatures = 0;
  for (const row of vaultRows) {
    if (!inWindow(row) || !isSignature(row)) continue;
    const keyName = row.keyName ?? "";
    signs.set(keyName, (signs.get(keyName) ?? 0) + 1);
    if (isOurs(row)) signatures += 1;
  }
  return {
    findings: findings.sort((a, b) => a.timeMs - b.timeMs || compareText(a.id, b.id)),
    covered,
    carry,
    isPending: findings.length > 0 || unrecorded.length > 0 || openIntents > 0,
    counts: {
      signatures,
      covered: covered.length,
      unaccounted: uncovered.length,
      intents: intents.length,
      openIntents,
    },
    signs,
  };
}

type IntentsOf = (request: string) => readonly LedgerRow[];

/** Nearly all requests have one intent. */
function indexByRequest(ledgerRows: readonly LedgerRow[]): IntentsOf {
  const first = new Map<string, LedgerRow>();
  const further = new Map<string, LedgerRow[]>();
  for (const row of ledgerRows) {
    if (!hasRequestId(row)) continue;
    const request = lowerCase(row.vaultRequestId);
    if (!first.has(request)) first.set(request, row);
    else further.set(request, [...(further.get(request) ?? []), row]);
  }
  return (request) => {
    const row = first.get(request);
    return row ? [row, ...(further.get(request) ?? [])] : [];
  };
}

/** By request, the row that stands for it. */
type Chosen = ReadonlyMap<string, VaultLogRow>;

/**
 * One request is one signature: the first row of ours that its intent accounts for, or where none does, the first.
 * `notAccounted`: the others of the same request, and those that no intent accounts for; few of a hundred thousand.
 */
function accountById(
  vaultRows: readonly VaultLogRow[],
  isOurs: (row: VaultLogRow) => boolean,
  intentsOf: IntentsOf,
): { chosen: Chosen; notAccounted: VaultLogRow[] } {
  const chosen = new Map<string, VaultLogRow>();
  const notAccounted = new Set<VaultLogRow>();
  for (const row of vaultRows) {
    if (!isSignature(row) || !isOurs(row)) continue;
    const request = requestOf(row);
    const before = chosen.get(request);
    const isFree = !before || notAccounted.has(before);
    const isAccounted = isFree && intentsOf(request).some((intent) => accountsFor(intent, row));
    if (isAccounted || !before) chosen.set(request, row);
    if (!isAccounted) notAccounted.add(row);
  }
  return { chosen, notAccounted: [...notAccounted] };
}

/** Whether the log has a signature for an intent, by anybody: the row that stands for its request, or one of the others. */
function recordedBy(chosen: Chosen, others: readonly VaultLogRow[], intentsOf: IntentsOf) {
  const byOthers = new Set<LedgerRow>();
  for (const row of others) {
    for (const intent of intentsOf(requestOf(row))) if (covers(intent, row)) byOthers.add(intent);
  }
  return (intent: LedgerRow): boolean => {
    const row = hasRequestId(intent) ? chosen.get(lowerCase(intent.vaultRequestId)) : undefined;
    return (row !== undefined && covers(intent, row)) || byOthers.has(intent);
  };
}

function accountsFor(intent: LedgerRow, row: VaultLogRow): boolean {
  return intent.outcome !== "not_signed" && covers(intent, row) && (lacksKey(row) || isSameKey(intent, row));
}

function reasonByLedger(
  row: VaultLogRow,
  sameRequest: readonly LedgerRow[],
  open: readonly LedgerRow[],
): UnaccountedReason {
  const isDenied = sameRequest.every(({ outcome }) => outcome === "not_signed");
  if (sameRequest.length > 0 && isDenied) return "denied";
  if (sameRequest.length > 0) return sameRequest.some((intent) => covers(intent, row)) ? "other_key" : "other_time";
  const instance = instanceOf(row);
  const isOthers = (intent: LedgerRow) =>
    isSameKey(intent, row) && covers(intent, row) && intent.instance.toLowerCase() !== instance;
  return instance !== undefined && open.some(isOthers) ? "other_instance" : "no_intent";
}

function isTooMany(open: number, all: number): boolean {
  const { count, share, shareFrom } = openIntentsAllowed;
  return open > count || (open >= shareFrom && open > share * all);
}
