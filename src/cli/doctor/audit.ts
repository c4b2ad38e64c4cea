import type { LedgerSearch } from "../../domain/audit/ledger-search.ts";
import { VaultLogUnavailable } from "../../domain/audit/ports.ts";
import { duration, isoTime } from "../printable.ts";
import { type Check, green, grey, needsAppIdentity, red } from "./check.ts";
import type { DoctorPorts } from "./ports.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** The timer runs every five minutes. */
const auditOverdueMs = 30 * minuteMs;
/** Azure promises that the vault's log arrives within ten minutes. */
const logLateMs = 30 * minuteMs;

/** Checks that the audit runs, and that it has rows to compare in ledger and vault log. */
export function auditChecks(ports: DoctorPorts): Check[] {
  return [auditRunCheck(ports), vaultLogCheck(ports)];
}

function auditRunCheck({ auditStore, ledger, clock }: DoctorPorts): Check {
  return {
    id: "audit/run",
    title: "signatures are compared with the vault's log",
    async run() {
      const stored = await auditStore.loadState();
      const remedy = "check whether the timer recordSignRate runs, and look for the event sign_audit_failed";
      const why = "a signature that bypasses Keyhold is not noticed";
      const nowMs = clock();
      if (!stored) {
        if (!(await hasSignedBefore(ledger, nowMs - auditOverdueMs)))
          return grey("it has not run yet: every five minutes");
        return red("the audit has never run", why, remedy);
      }
      const { arrivalsToMs, watermarkMs } = stored.state;
      const ageMs = nowMs - arrivalsToMs;
      const done = `all windows before ${isoTime(watermarkMs)} are done`;
      if (ageMs <= auditOverdueMs) return green(`it ran ${duration(ageMs)} ago, ${done}`);
      return red(`it ran ${duration(ageMs)} ago, ${done}`, why, remedy);
    },
  };
}

function vaultLogCheck({ vaultLog, ledger, clock }: DoctorPorts): Check {
  return {
    id: "audit/vault-log",
    title: "the vault's log arrives in the workspace",
    async run() {
      if (!vaultLog) return grey(needsAppIdentity);
      const nowMs = clock();
      try {
        const windows = await vaultLog.arrivals(nowMs - dayMs, nowMs + minuteMs);
        const newestMs = Math.max(...windows.map(({ fromMs }) => fromMs));
        if (windows.length > 0) return green(`its newest row is at most ${duration(nowMs - newestMs)} old`);
      } catch (error) {
        if (!(error instanceof VaultLogUnavailable)) throw error;
        return red(
          `the workspace cannot be queried: ${error.trouble}`,
          "the audit cannot run",
          "give the monitoring identity Log Analytics Data Reader on the workspace that KEYHOLD_LOG_WORKSPACE_ID names",
        );
      }
      if (!(await hasSignedBefore(ledger, nowMs - logLateMs, dayMs - logLateMs))) {
        return grey("no rows of the last day, but the ledger has no signatures either");
      }
      return red(
        "no rows of the last day, though the ledger has signatures",
        "a signature that bypasses Keyhold is not noticed",
        "check the vault's diagnostic setting: category AuditEvent, to this workspace",
      );
    },
  };
}

const monthMs = 30 * 86_400_000;

/**
 * Whether the vault signed for Keyhold before `beforeMs`. This distinguishes a new deployment from one whose timers do
 * not run.
 */
export async function hasSignedBefore(ledger: LedgerSearch, beforeMs: number, withinMs = monthMs): Promise<boolean> {
  for await (const found of ledger.find({ fromMs: beforeMs - withinMs, toMs: beforeMs })) {
    if (found.ok && found.value.outcome && "vaultRequestId" in found.value.outcome) return true;
  }
  return false;
}
