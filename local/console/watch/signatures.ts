/**
 * Joins the ledger and the vault's log by the vault's request id, immediately. Keyhold's own audit does the same a
 * quarter of an hour later, when the log has settled (docs/explain/sign-audit.md). The audit is authoritative; this is
 * for display only.
 */
import type { AuditEvent } from "../../emulators/key-vault/audit-log.ts";
import { identities } from "../../stack/world.ts";
import type { SignatureRow, SignatureVerdict } from "../snapshot.ts";
import { keyLabel, nameOf } from "./names.ts";

export type LedgerEntity = Record<string, unknown>;

const keptRows = 60;
/** How long an open intent covers a signature with the same key version. */
const coverMs = 150_000;

/** The vault's log must be read before the ledger, so that every intent of a signature in the log has been read. */
export function joinLogs(ledger: readonly LedgerEntity[], vaultLog: readonly AuditEvent[]): SignatureRow[] {
  const entries = ledger.map(readEntry);
  const byRequest = new Map(
    entries.filter(({ requestId }) => requestId !== "").map((entry) => [entry.requestId, entry]),
  );
  const requests = new Set(vaultLog.map(({ CorrelationId }) => CorrelationId));
  const open = entries.filter(({ outcome }) => outcome === "");
  const rows: SignatureRow[] = [];
  const joined = new Set<string>();
  for (const event of vaultLog) {
    if (event.OperationName !== "KeySign" && !isOurs(event)) continue;
    const entry = byRequest.get(event.CorrelationId);
    if (entry) joined.add(entry.id);
    const vault = vaultSide(event);
    rows.push({
      id: event.CorrelationId,
      timeMs: vault.timeMs,
      verdict: entry ? "pair" : verdictOf(event, open),
      vault,
      ...(entry && { ledger: ledgerSide(entry) }),
    });
  }
  for (const entry of entries) {
    if (joined.has(entry.id)) continue;
    rows.push({
      id: entry.id,
      timeMs: entry.timeMs,
      verdict: ledgerVerdict(entry, requests),
      ledger: ledgerSide(entry),
    });
  }
  const sorted = rows.sort((a, b) => b.timeMs - a.timeMs || b.id.localeCompare(a.id));
  return sorted.filter(({ verdict }, i) => i < keptRows || verdict === "unaccounted" || verdict === "missing");
}

function isOurs({ Identity }: AuditEvent): boolean {
  return Identity.claim.oid === identities.signing.objectId;
}

function verdictOf(event: AuditEvent, open: readonly Entry[]): SignatureVerdict {
  if (event.HttpStatusCode >= 300) return "refused";
  if (event.OperationName !== "KeySign" || !isOurs(event)) return "unaccounted";
  const timeMs = Date.parse(event.TimeGenerated);
  const isCovered = open.some(
    (entry) => event.Id.endsWith(`/${entry.keyVersion}`) && Math.abs(timeMs - entry.timeMs) < coverMs,
  );
  return isCovered ? "open" : "unaccounted";
}

function ledgerVerdict({ outcome, requestId }: Entry, requests: ReadonlySet<string>): SignatureVerdict {
  if (outcome === "" || outcome === "maybe_signed") return "open";
  if (outcome === "not_signed") return "unsigned";
  return requests.has(requestId) ? "pair" : "missing";
}

interface Entry {
  id: string;
  timeMs: number;
  requestId: string;
  outcome: string;
  keyVersion: string;
  purpose: string;
  caller: string;
  tenant: string;
}

function readEntry(row: LedgerEntity): Entry {
  const text = (name: string) => (typeof row[name] === "string" ? (row[name] as string).slice(0, 200) : "");
  const time = row.time instanceof Date ? row.time : new Date(text("time"));
  return {
    id: text("rowKey"),
    timeMs: time.getTime(),
    requestId: text("vaultRequestId"),
    outcome: text("outcome"),
    keyVersion: text("keyVersion"),
    purpose: text("purpose"),
    caller: text("callerName"),
    tenant: row.tenantId === undefined ? nameOf(text("metadataSource")) : nameOf(row.tenantId),
  };
}

function ledgerSide({ timeMs, purpose, caller, tenant, outcome, requestId }: Entry) {
  return { timeMs, purpose, caller, tenant, outcome, requestId };
}

function vaultSide(event: AuditEvent) {
  const [, , name = "", version = ""] = event.Id === "" ? [] : new URL(event.Id).pathname.split("/");
  return {
    timeMs: Date.parse(event.TimeGenerated),
    operation: event.OperationName,
    status: event.HttpStatusCode,
    requestId: event.CorrelationId,
    key: keyLabel(name, version),
    identity: nameOf(event.Identity.claim.oid) || "nobody",
    client: clientOf(event.ClientInfo),
  };
}

/** `azsdk-js-keyvault-keys/4.10.2 ...` is shown as `azsdk-js`. */
function clientOf(clientInfo: string): string {
  const [product = ""] = clientInfo.split(/[/ ]/);
  return product.split("-").slice(0, 2).join("-").slice(0, 24);
}
