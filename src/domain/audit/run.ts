import { bandOf } from "./baseline.ts";
import { compareFindings, type Finding, type LedgerRow } from "./findings.ts";
import { type SignAuditPorts, VaultLogUnavailable } from "./ports.ts";
import { contextAfterMs, contextBeforeMs, type Reconciliation, reconcile } from "./reconcile.ts";
import { isSignature, requestOf } from "./rows.ts";
import { type JudgedWindow, weekMs } from "./sign-rate.ts";
import { judge, opensEpisode } from "./sign-rate-verdict.ts";
import type { VaultLogRow } from "./vault-log.ts";
import {
  type AuditState,
  type AuditWindow,
  arrivalsToRead,
  completeWindow,
  noteArrivals,
  planWindows,
  startAuditing,
} from "./windows.ts";

/** Baselines look back eight weeks, and a little more for their neighbouring hours. */
const historyMs = 8 * weekMs + 86_400_000;
/** A chain of open intents is followed back, twice as far each time: so often is weeks. */
const maxReads = 12;

/**
 * One run of the audit: vault's log and ledger side by side, window by window, and the rate against its baseline. Safe
 * to run late, twice, at once on two instances or after days: a window's results are stored before the state says that
 * it is done, each under a key of its own, and whoever loses the state's ETag stops. A crash repeats work; an event
 * about it may then be sent twice.
 */
export async function signAuditRun(nowMs: number, ports: SignAuditPorts): Promise<void> {
  try {
    await runSignAudit(nowMs, ports);
  } catch (error) {
    // The next run does what this one could not. That none succeeds is what the silence of the heartbeat tells.
    const failed = { event: "sign_audit_failed", because: error instanceof Error ? error.name : "unknown" } as const;
    if (error instanceof VaultLogUnavailable) ports.record({ ...failed, because: error.message });
    else ports.record({ ...failed, frames: ports.framesOf(error) });
    throw error;
  }
}

async function runSignAudit(nowMs: number, ports: SignAuditPorts): Promise<void> {
  const stored = await ports.store.loadState();
  let state = stored?.state ?? startAuditing(nowMs);
  let etag = stored?.etag;
  const save = async (next: AuditState): Promise<boolean> => {
    const saved = await ports.store.saveState(next, etag);
    if (saved === "conflict") return false;
    state = next;
    etag = saved.etag;
    return true;
  };
  const arrivals = arrivalsToRead(state, nowMs);
  const times = await ports.vaultLog.arrivals(arrivals.fromMs, arrivals.toMs);
  if (!(await save(noteArrivals(state, times, arrivals.toMs)))) return;

  const windows = planWindows(state, nowMs);
  const history = await ports.store.windowsSince(nowMs - historyMs);
  const keyNames = await ports.keyNames();
  for (const group of contiguous(windows)) {
    const records = new Records(group, ports);
    for (const window of group) {
      const result = await evaluate(window, records, nowMs, ports);
      const resolved = await reportFindings(window, result, ports);
      await storeRates(window, await records.vaultRows(), history, keyNames, ports);
      const next = completeWindow(state, window, { nowMs, reachesNext: result.reachesNext });
      if (!(await save(next))) return;
      await resolveFindings(window, resolved, ports);
    }
  }
  const expiredRows = await ports.retention.expire(nowMs - ports.ledgerKeptMs).catch((error) => {
    ports.record({ event: "sign_audit_failed", because: "ledger_retention", frames: ports.framesOf(error) });
    return 0;
  });
  const lagSeconds = Math.round((nowMs - state.watermarkMs) / 1000);
  ports.record({ event: "sign_audit_finished", windows: windows.length, lagSeconds, expiredRows });
}

type Complete = Extract<Reconciliation, { isComplete: true }>;

async function evaluate(
  window: AuditWindow,
  records: Records,
  nowMs: number,
  ports: SignAuditPorts,
): Promise<Complete> {
  for (let i = 0; i < maxReads; i++) {
    const { readFromMs, readToMs, vaultRows, ledgerRows } = await records.read();
    const result = reconcile({
      windowFromMs: window.fromMs,
      windowToMs: window.toMs,
      readFromMs,
      readToMs,
      vaultRows,
      ledgerRows,
      ours: { signingObjectId: ports.signingObjectId },
      nowMs,
    });
    if (result.isComplete) return result;
    records.readFrom(result.readFromMs);
  }
  throw new RangeError("a chain of open intents has no end");
}

/**
 * Tells before it stores: a crash in between tells twice, the other way round it would never tell. Returns what has
 * vanished, to be marked when the state is ours: a run that was overtaken must not take back what a newer one found.
 */
async function reportFindings(
  window: AuditWindow,
  result: Complete,
  ports: SignAuditPorts,
): Promise<readonly Finding[]> {
  const before = await ports.store.findingsOf(window.fromMs);
  const { added, kept, resolved } = compareFindings(before, result.findings);
  for (const finding of added) ports.record({ event: "sign_audit_finding", ...describe(finding) });
  if (added.length + kept.length > 0) await ports.store.putFindings(window.fromMs, [...added, ...kept], []);
  return resolved;
}

async function resolveFindings(
  window: AuditWindow,
  resolved: readonly Finding[],
  ports: SignAuditPorts,
): Promise<void> {
  if (resolved.length === 0) return;
  for (const finding of resolved) ports.record({ event: "sign_audit_resolved", ...describe(finding) });
  await ports.store.putFindings(window.fromMs, [], resolved);
}

function describe({ candidates, kind, ...finding }: Complete["findings"][number]) {
  return { finding: kind, ...finding, ...(candidates ? { candidates: candidates.length } : {}) };
}

/** Counts what the vault signed with each key, whoever asked, and judges it. */
async function storeRates(
  { fromMs, toMs }: AuditWindow,
  vaultRows: readonly VaultLogRow[],
  history: Map<string, Map<number, JudgedWindow>>,
  keyNames: readonly string[],
  ports: SignAuditPorts,
): Promise<void> {
  const signed = vaultRows.filter((row) => isSignature(row) && row.timeMs >= fromMs && row.timeMs < toMs);
  for (const keyName of keyNames) {
    const ofKey = signed.filter((row) => row.keyName === keyName.toLowerCase());
    const signs = new Set(ofKey.map(requestOf)).size;
    const known = history.get(keyName) ?? new Map<number, JudgedWindow>();
    history.set(keyName, known);
    const before = known.get(fromMs);
    const judged = judge({ startMs: fromMs, signs }, bandOf(fromMs, known), known);
    if (before?.signs === judged.signs && before.verdict === judged.verdict) continue;
    known.set(fromMs, judged);
    const { low, high, median, basis } = judged.band;
    const rate = { keyName, windowFromMs: fromMs, signs, verdict: judged.verdict, low, high, median, basis };
    ports.record({ event: "sign_rate_judged", ...rate });
    if (opensEpisode(judged, known)) ports.record({ event: "sign_rate_abnormal", ...rate });
    await ports.store.putWindow(keyName, judged);
  }
}

/** Both records for a run of windows, read once, and further back where that turns out to be needed. */
class Records {
  readonly #ports: SignAuditPorts;
  readonly #toMs: number;
  #fromMs: number;
  #read: Promise<ReadRecords> | undefined;

  constructor(windows: readonly AuditWindow[], ports: SignAuditPorts) {
    this.#ports = ports;
    this.#fromMs = (windows[0]?.fromMs ?? 0) - contextBeforeMs;
    this.#toMs = (windows.at(-1)?.toMs ?? 0) + contextAfterMs;
  }

  readFrom(fromMs: number): void {
    this.#fromMs = fromMs;
    this.#read = undefined;
  }

  read(): Promise<ReadRecords> {
    this.#read ??= this.#readBoth(this.#fromMs, this.#toMs);
    return this.#read;
  }

  async vaultRows(): Promise<readonly VaultLogRow[]> {
    return (await this.read()).vaultRows;
  }

  /** The vault's log first: what is signed in between has its intent in the ledger already. */
  async #readBoth(readFromMs: number, readToMs: number): Promise<ReadRecords> {
    const vaultRows = await this.#ports.vaultLog.read(readFromMs, readToMs);
    const ledgerRows = await this.#ports.ledger.rowsBetween(readFromMs, readToMs);
    return { readFromMs, readToMs, vaultRows, ledgerRows };
  }
}

interface ReadRecords {
  readFromMs: number;
  readToMs: number;
  vaultRows: readonly VaultLogRow[];
  ledgerRows: readonly LedgerRow[];
}

/** Windows that follow each other are read together. */
function contiguous(windows: readonly AuditWindow[]): AuditWindow[][] {
  const groups: AuditWindow[][] = [];
  for (const window of windows) {
    const last = groups.at(-1);
    if (last && last.at(-1)?.toMs === window.fromMs) last.push(window);
    else groups.push([window]);
  }
  return groups;
}
