import { compareFindings, type Finding, limitFindings } from "./findings.ts";
import { type AuditNotes, noteOn } from "./notes.ts";
import { describeFinding, readNotes, reportOpenFindings } from "./open-findings.ts";
import type { Carry } from "./open-intents.ts";
import { type Revisit, type SignAuditPorts, VaultLogUnavailable } from "./ports.ts";
import { judgeRates, reportAbnormalRates } from "./rates.ts";
import { type CoveredSignature, ledgerContext, type Reconciliation, reconcile, vaultContext } from "./reconcile.ts";
import { weekMs, windowMs } from "./sign-rate.ts";
import {
  type AuditState,
  type AuditWindow,
  advanceWatermark,
  arrivalsToRead,
  planWindows,
  startAuditing,
  type WindowLook,
  windowsToRevisit,
} from "./windows.ts";

/** Baselines look back eight weeks, and a little more for their neighbouring hours. */
const historyMs = 8 * weekMs + 86_400_000;
/** No window is started later than this into a run: the platform ends an instance whose run takes five minutes. */
const runBudgetMs = 200_000;
/** The most covered signatures that one run lists; the others are counted. */
const listedCovered = 100;
const revisitsPerRun = 36;

/**
 * One run of the audit: compares the vault's log with the ledger, window by window, and the rate with its baseline.
 * Safe to run late, twice, at once on two instances or after days: a window's results are stored before the state says
 * that it is done, each under a key of its own, and a run that fails to save the state (ETag) stops. A crash repeats
 * work; an event about it may then be sent twice.
 */
export async function signAuditRun(ports: SignAuditPorts): Promise<void> {
  try {
    await runSignAudit(ports);
  } catch (error) {
    // The next run does what this one could not. If no run succeeds, the missing heartbeat raises an alarm.
    const failed = { event: "sign_audit_failed", because: error instanceof Error ? error.name : "unknown" } as const;
    if (error instanceof VaultLogUnavailable) ports.record({ ...failed, because: error.message });
    else ports.record({ ...failed, frames: ports.framesOf(error) });
    throw error;
  }
}

async function runSignAudit(ports: SignAuditPorts): Promise<void> {
  const { store, vaultLog, record } = ports;
  const startedMs = ports.clock();
  // With a clock that is ahead, windows would be closed before their rows arrive, and ledger rows deleted too early.
  const nowMs = Math.min(startedMs, await vaultLog.now());
  const stored = await store.loadState();
  let state = stored?.state ?? startAuditing(nowMs);
  let etag = stored?.etag;
  const save = async (next: AuditState): Promise<boolean> => {
    const saved = await store.saveState(next, etag);
    if (saved === "conflict") return false;
    state = next;
    etag = saved.etag;
    return true;
  };

  const span = arrivalsToRead(state, nowMs);
  const arrivals = await vaultLog.arrivals(span.fromMs, span.toMs);
  const rows = new Map(arrivals.map(({ fromMs, rows }) => [fromMs, rows]));
  const starts = [...rows.keys(), state.watermarkMs];
  const looks = new Map(await store.looks(Math.min(...starts) - 2 * windowMs, Math.max(nowMs, ...starts)));
  await store.addRevisits(windowsToRevisit(state, arrivals, looks));
  if (!(await save({ ...state, arrivalsToMs: Math.max(state.arrivalsToMs, span.toMs) }))) return;

  const revisits = new Map((await store.revisits(revisitsPerRun)).map((revisit) => [revisit.fromMs, revisit]));
  const windows = planWindows(state, [...revisits.keys()], looks, nowMs);
  const history = await store.windowsSince(nowMs - historyMs);
  const keyNames = await ports.keyNames();
  const notes = await readNotes(ports);
  /** Ids of findings, and keys with an unusual rate, that this run has reported. */
  const reported = new Set<string>();
  const covered = { listed: 0, all: 0 };
  let done = 0;
  for (const window of windows) {
    if (ports.clock() - startedMs > runBudgetMs) break;
    const look = looks.get(window.fromMs) ?? (await store.looks(window.fromMs, window.toMs)).get(window.fromMs);
    const carry = await carryBefore(window, looks, ports);
    const result = await evaluate(window, carry, nowMs, ports);
    const resolved = await reportFindings(window, result, { notes, reported }, ports);
    const news = result.covered.filter((one) => !look?.covered.includes(nameOf(one)));
    const listed = news.slice(0, listedCovered - covered.listed);
    for (const one of listed) record({ event: "sign_audit_covered", ...describeCovered(one) });
    covered.listed += listed.length;
    covered.all += result.counts.covered;
    await judgeRates(window, result.signs, history, keyNames, reported, ports);
    const next: WindowLook = {
      fromMs: window.fromMs,
      lookedMs: nowMs,
      rows: rows.get(window.fromMs) ?? look?.rows ?? 0,
      isPending: result.isPending,
      carry: result.carry,
      covered: result.covered.map(nameOf).slice(0, listedCovered),
    };
    // Its carry has changed, so the next window must be evaluated again if it already was.
    const isCarryNew = look !== undefined && JSON.stringify(look.carry) !== JSON.stringify(next.carry);
    if (isCarryNew) await store.addRevisits([window.toMs]);
    if (!(await save(advanceWatermark(state, looks, nowMs)))) return;
    await store.putLook(next);
    looks.set(window.fromMs, next);
    await resolveFindings(window, resolved, ports);
    await removeRevisit(revisits.get(window.fromMs), ports);
    done += 1;
  }
  if (!(await save(advanceWatermark(state, looks, nowMs)))) return;
  const open = await reportOpenFindings(nowMs, notes, reported, ports);
  reportAbnormalRates(nowMs, history, reported, ports);
  const expiredRows = await ports.retention.expire(nowMs - ports.ledgerKeptMs).catch((error) => {
    record({ event: "sign_audit_failed", because: "ledger_retention", frames: ports.framesOf(error) });
    return 0;
  });
  const lagSeconds = Math.round((nowMs - state.watermarkMs) / 1000);
  record({ event: "sign_audit_finished", windows: done, covered: covered.all, open, lagSeconds, expiredRows });
}

/** The intents that the previous window has used up. */
async function carryBefore(
  { fromMs }: AuditWindow,
  looks: ReadonlyMap<number, WindowLook>,
  { store }: SignAuditPorts,
): Promise<Carry> {
  const beforeMs = fromMs - windowMs;
  const look = looks.get(beforeMs) ?? (await store.looks(beforeMs, fromMs)).get(beforeMs);
  return look?.carry ?? {};
}

/** The vault's log is read first: every signature in it then has its intent in the ledger. */
async function evaluate(
  { fromMs, toMs }: AuditWindow,
  carry: Carry,
  nowMs: number,
  { vaultLog, ledger, signingObjectId }: SignAuditPorts,
): Promise<Reconciliation> {
  const vaultRows = await vaultLog.read(fromMs - vaultContext.beforeMs, toMs + vaultContext.afterMs);
  const refusals = await vaultLog.refusals(fromMs, toMs);
  const ledgerRows = await ledger.rowsBetween(fromMs - ledgerContext.beforeMs, toMs + ledgerContext.afterMs);
  const window = { windowFromMs: fromMs, windowToMs: toMs, carry, nowMs };
  return reconcile({ ...window, vaultRows, refusals, ledgerRows, signingObjectId });
}

/**
 * Reports before storing, so a crash can report a finding twice but never zero times. Returns the findings that no longer
 * hold. They are marked only once this run has saved its state: an overtaken run must not resolve a newer run's findings.
 */
async function reportFindings(
  { fromMs }: AuditWindow,
  result: Reconciliation,
  run: { notes: AuditNotes; reported: Set<string> },
  { store, record }: SignAuditPorts,
): Promise<readonly Finding[]> {
  const before = await store.findingsOf(fromMs);
  const { added, changed, resolved } = compareFindings(before, limitFindings(result.findings, before, fromMs));
  for (const finding of added.filter((each) => !noteOn(each, run.notes))) {
    record({ event: "sign_audit_finding", isNew: true, ...describeFinding(finding) });
    run.reported.add(finding.id);
  }
  if (added.length + changed.length > 0) await store.putFindings(fromMs, [...added, ...changed], []);
  return resolved;
}

async function resolveFindings(
  { fromMs }: AuditWindow,
  resolved: readonly Finding[],
  { store, record }: SignAuditPorts,
): Promise<void> {
  if (resolved.length === 0) return;
  for (const finding of resolved) record({ event: "sign_audit_resolved", ...describeFinding(finding) });
  await store.putFindings(fromMs, [], resolved);
}

async function removeRevisit(revisit: Revisit | undefined, { store }: SignAuditPorts): Promise<void> {
  if (revisit) await store.removeRevisit(revisit);
}

/**
 * Identified by the signature, not by its intent: a late row may take over another's intent, and must be reported too.
 */
function nameOf({ row }: CoveredSignature): string {
  return `${row.requestId} ${row.timeMs}`;
}

function describeCovered({ row, ledgerId, coveredBy }: CoveredSignature) {
  const { timeMs, requestId, keyName, keyVersion, callerAddress, clientInfo } = row;
  return {
    ...{ ledgerId, coveredBy, timeMs, requestId },
    ...(keyName === undefined ? {} : { keyName }),
    ...(keyVersion === undefined ? {} : { keyVersion }),
    ...(callerAddress === undefined ? {} : { callerAddress }),
    ...(clientInfo === undefined ? {} : { clientInfo }),
  };
}
