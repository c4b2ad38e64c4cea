/**
 * The measured process: one run of the audit with the adapters of the product. Only what it stores, a few entities per
 * window, is held in memory. Prints the results as JSON.
 */
import { createVaultLogReader } from "../../src/adapters/log-analytics/reader.ts";
import { createTableLedgerReader } from "../../src/adapters/storage/ledger-reader.ts";
import type { AuditEvent } from "../../src/domain/audit/events.ts";
import { noNotes } from "../../src/domain/audit/notes.ts";
import { signAuditRun } from "../../src/domain/audit/run.ts";
import { settleMs, windowMs } from "../../src/domain/audit/sign-rate.ts";
import { clouds } from "../../src/domain/shared/cloud.ts";
import { createAuditStore } from "../../test/support/fakes/audit-store.ts";
import { signingObjectId } from "./records.ts";

export interface Cost {
  cpuSeconds: number;
  /** Peak memory of the process, and its memory before the run. */
  peakMb: number;
  startMb: number;
  windows: number;
  findings: number;
  signatures: number;
}

const { LEDGER_URL: ledgerUrl = "", NOW_MS: nowMs, WATERMARK_MS: watermarkMs, ROWS_BEFORE: rowsBefore } = process.env;
const credential = { getToken: async () => ({ token: "token", expiresOnTimestamp: Date.now() + 3_600_000 }) };
const store = createAuditStore();
store.stored.state = { state: { watermarkMs: Number(watermarkMs), arrivalsToMs: Number(watermarkMs) }, etag: "1" };
// The window before counts as done, so the run has one window to audit.
const beforeMs = Number(watermarkMs) - windowMs;
const look = { fromMs: beforeMs, lookedMs: Number(watermarkMs) + settleMs, isPending: false, carry: {}, covered: [] };
store.stored.looks.set(beforeMs, { ...look, rows: Number(rowsBefore) });
const events: AuditEvent[] = [];
const mb = 1_048_576;

const startMb = process.memoryUsage.rss() / mb;
const before = process.cpuUsage();
await signAuditRun({
  vaultLog: createVaultLogReader({
    ...{ cloud: clouds.public, workspaceId: "aaaaaaaa-0000-4000-8000-000000000001", signingObjectId, credential },
  }),
  ledger: createTableLedgerReader(ledgerUrl, credential),
  retention: { expire: async () => 0 },
  ledgerKeptMs: 86_400_000,
  store,
  record: (event) => events.push(event),
  clock: () => Number(nowMs),
  signingObjectId,
  keyNames: async () => ["token-signing"],
  notes: async () => noNotes,
  framesOf: (error) => [String(error instanceof Error ? error.stack : error)],
});
const { user, system } = process.cpuUsage(before);
const cost: Cost = {
  cpuSeconds: (user + system) / 1e6,
  peakMb: process.resourceUsage().maxRSS / 1_024,
  startMb,
  windows: events.reduce((sum, event) => sum + (event.event === "sign_audit_finished" ? event.windows : 0), 0),
  findings: events.filter(({ event }) => event === "sign_audit_finding").length,
  signatures: [...(store.stored.rates.get("token-signing")?.values() ?? [])].reduce((sum, { signs }) => sum + signs, 0),
};
process.stdout.write(`${JSON.stringify(cost)}\n`);
process.exit();
