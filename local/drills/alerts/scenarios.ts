/** For each alert of the runbook, the event that raises it on an otherwise healthy workspace. */
import type { KeyholdEvent } from "../../../src/domain/events.ts";
import type { Guid } from "../../../src/domain/shared/guid.ts";
import { sample } from "./rules.ts";
import { stranger, type Workspace } from "./workspace.ts";

export interface Scenario {
  /** The section of the runbook. */
  alert: string;
  rule: string;
  raise: (workspace: Workspace) => Workspace;
}

type EventOf<Name extends KeyholdEvent["event"]> = Extract<KeyholdEvent, { event: Name }>;

const clientId = "00000000-0000-4000-8000-00000000c11e" as Guid;
const tenantId = "00000000-0000-4000-8000-00000000ca11" as Guid;
const certificate = { keyName: "billing", keyVersion: "1", thumbprint: "AB12" };
const source = { source: tenantId, document: "jwks" as const };
const scope = "https://graph.microsoft.com/.default";

const finding = (kind: EventOf<"sign_audit_finding">["finding"], severity: 0 | 1 | 2, more = {}): KeyholdEvent => ({
  ...{ event: "sign_audit_finding", isNew: true, id: "f", finding: kind, severity, timeMs: 1, keyName: "billing" },
  ...{ callerObjectId: sample.signer, callerAddress: "203.0.113.9", ...more },
});
const answered = (fault: EventOf<"request_answered">["fault"]): KeyholdEvent => ({
  ...{ event: "request_answered", operation: "token", correlationId: "c", durationMs: 9, tenantId, clientId, scope },
  ...(fault ? { outcome: "fault", fault } : { outcome: "issued", cached: false }),
});
const canary = (state: "staged" | "active", reason: string): KeyholdEvent => ({
  ...{ event: "credential_canary_failed", clientId, state, reason, ...certificate },
});
const expiring = (daysLeft: number): KeyholdEvent => ({
  ...{ event: "credential_expiring", clientId, daysLeft, threshold: daysLeft > 7 ? 30 : 7, ...certificate },
  severity: daysLeft > 7 ? 2 : 1,
});
const drift = (kind: EventOf<"credential_drift">["finding"], severity: 0 | 1): KeyholdEvent =>
  ({
    ...{ event: "credential_drift", clientId, client: "billing", finding: kind, severity, on: "application" },
    ...{ keyId: "1", thumbprint: "CD34" },
  }) as EventOf<"credential_drift">;
const sharedCache = (reason: "failed" | "not_ours"): KeyholdEvent => ({
  ...{ event: "shared_cache_failed", operation: "find", reason, because: "RestError 403" },
});

const now =
  (event: KeyholdEvent, times = 1) =>
  (workspace: Workspace) =>
    workspace.event(2, event, times);

/** Rule, then alert. Each scenario has one cause. */
const scenariosOf: Readonly<Record<string, Readonly<Record<string, Scenario["raise"]>>>> = {
  "vault-0": {
    "foreign-signer": (it) => it.vault(3, "KeySign", { caller: stranger }),
    "foreign-operation": (it) => it.vault(3, "KeyGet"),
  },
  "vault-1": {
    "refused-operation": (it) => it.vault(3, "SecretGet", { status: 403 }),
    "sensitive-operation": (it) => it.vault(3, "KeyCreate", { caller: stranger, key: "another" }),
    "sign-hard-cap": (it) => it.vault(12, "KeySign", { times: 6001 }),
    "signs-without-app": (it) =>
      it
        .without("AppEvents", (_, minutesAgo) => minutesAgo > 10 && minutesAgo < 46)
        .event(5, { event: "metadata_refresh_finished", sources: 3, durationMs: 900 }),
  },
  "vault-2": {
    "refused-sign": (it) => it.vault(3, "KeySign", { status: 403 }),
    // Every key that has signed before has no rows in the last hours.
    "vault-sign-rate-below": (it) => it.without("AZKVAuditLogs", (_, minutesAgo) => minutesAgo < 141),
  },
  "app-0": {
    "unaccounted-signature": now(finding("unaccounted_signature", 0)),
    "audited-misuse": now(finding("foreign_identity", 0, { callerObjectId: stranger })),
    "signature-not-ours": now(answered({ code: "signature_not_ours" })),
    "credential-drift": now(drift("foreign_key", 0)),
  },
  "app-1": {
    "missing-record": now(finding("missing_record", 1)),
    "credential-refused": now(answered({ code: "signer_key_disabled" })),
    "dependency-outage": now(answered({ code: "ledger_unavailable" }), 10),
    // The log of the last two hours is empty, although a token was minted.
    "vault-log-silent": (it) =>
      it
        .without("AZKVAuditLogs", (_, minutesAgo) => minutesAgo < 126)
        .vault(1, "KeyList", { caller: stranger })
        .event(90, answered(undefined)),
    "policy-not-readable": now(
      { event: "policy_not_readable", document: "policy", ageSeconds: 60, because: "RestError 403" },
      3,
    ),
    "metadata-discontinuous": now({
      event: "metadata_discontinuous",
      ...source,
      action: "accepted",
      added: ["k"],
      removed: [],
    }),
    "metadata-keys-replaced": now({ event: "metadata_keys_replaced", ...source, added: ["k"], removed: ["j"] }),
    "metadata-known-key-changed": now({ event: "metadata_known_key_changed", source: tenantId, kid: "k" }),
    "metadata-record-refused": now({ event: "metadata_record_refused", source: tenantId, rule: "thumbprint" }),
    "metadata-tls-not-trusted": now({
      ...{ event: "metadata_refused", ...source, refusal: { reason: "tls_not_trusted", code: "SELF_SIGNED" } },
    }),
    "metadata-stale": now({ event: "metadata_stale", source: tenantId, ageSeconds: 22_000 }),
    "credential-missing": now(drift("missing_certificate", 1)),
    "credential-not-working": now(canary("active", "credential_rejected")),
    "credential-fallback": now({ event: "credential_fallback", clientId, to: "CD34", codes: [700027], ...certificate }),
    "credential-disabled": now({ event: "credential_disabled", clientId, ...certificate }),
    "credential-expiring-soon": now(expiring(6)),
    "shared-cache-not-ours": now(sharedCache("not_ours")),
  },
  "app-2": {
    "audited-refusal": now(finding("unaccounted_refusal", 2)),
    "open-intents": now(finding("open_intents", 2, { openIntents: 60 })),
    "sign-rate-abnormal": now({
      ...{ event: "sign_rate_abnormal", keyName: "billing", windowFromMs: 1, signs: 90, verdict: "above" },
      ...{ low: 1, median: 5, high: 9, basis: "history" },
    }),
    "sign-audit-failing": now({ event: "sign_audit_failed", because: "forbidden" }, 3),
    "ledger-outcome-lost": now({
      event: "ledger_outcome_lost",
      ledgerId: tenantId,
      outcome: "issued",
      because: "RestError",
    }),
    "unexpected-fault": now(answered({ code: "unexpected", frames: ["mint src/domain/issuing/mint.ts:1:2"] })),
    "policy-rejected": now({ event: "policy_rejected", document: "policy", etag: "e", problems: [] }),
    "metadata-refused": now(
      { event: "metadata_refused", ...source, refusal: { reason: "not_reachable", code: "ECONNRESET" } },
      3,
    ),
    "metadata-store-unavailable": now({ event: "metadata_store_unavailable", source: tenantId, operation: "write" }, 2),
    "metadata-not-republished": now(
      { event: "metadata_not_republished", source: tenantId, code: "signer_forbidden" },
      2,
    ),
    "credential-canary-failed": now(canary("staged", "credential_rejected")),
    "credential-expiring": now(expiring(29)),
    "credentials-check-failing": now({ event: "credentials_check_failed", clientId, because: "RestError 403" }, 2),
    "shared-cache-failing": now(sharedCache("failed"), 3),
  },
  "silence-1": {
    "sign-audit-silent": (it) =>
      it.without("AppEvents", ({ Name }, minutesAgo) => Name === "sign_audit_finished" && minutesAgo < 31),
    "metadata-refresh-silent": (it) => it.without("AppEvents", ({ Name }) => Name === "metadata_refresh_finished"),
    "credentials-check-silent": (it) => it.without("AppEvents", ({ Name }) => Name === "credentials_checked"),
  },
  "telemetry-2": {
    "telemetry-lost": (it) => it.metric(90, "keyhold.telemetry.lost", 3).metric(5, "keyhold.telemetry.lost", 7),
  },
  "activity-1": {
    "access-changed": (it) => it.activity("Microsoft.Authorization/roleAssignments/write", stranger),
    "protection-changed": (it) => it.activity("Microsoft.Authorization/policyAssignments/delete", stranger),
    "vault-changed": (it) => it.activity("Microsoft.KeyVault/vaults/write", stranger),
    "log-cut-off": (it) => it.activity("Microsoft.Insights/diagnosticSettings/write", stranger),
    "alerts-changed": (it) => it.activity("Microsoft.Insights/scheduledQueryRules/write", stranger),
    "storage-changed": (it) => it.activity("Microsoft.Storage/storageAccounts/listKeys/action", stranger),
    "app-changed": (it) => it.activity("Microsoft.Web/sites/config/write", stranger),
  },
  "activity-3": {
    deployed: (it) => it.activity("Microsoft.Resources/deployments/write", sample.deployer),
  },
  "blobs-1": {
    "policy-deleted": (it) => it.blob(sample.dataAccount, "policy/policy.json", "DeleteBlob", stranger),
    "foreign-write": (it) => it.blob(sample.hostAccount, "app-package/released.zip", "PutBlob", stranger),
  },
  "blobs-3": {
    "policy-changed": (it) => it.blob(sample.dataAccount, "policy/policy.json", "PutBlob", stranger),
    "package-written": (it) => it.blob(sample.hostAccount, "app-package/released.zip", "PutBlob", sample.storage),
  },
  "tables-1": {
    "foreign-write": (it) => it.row("MergeEntity", stranger),
  },
};

export const scenarios: readonly Scenario[] = Object.entries(scenariosOf).flatMap(([rule, alerts]) =>
  Object.entries(alerts).map(([alert, raise]) => ({ rule, alert, raise })),
);
