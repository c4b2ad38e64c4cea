/** The events that are alarms, each with the section of docs/operate/runbook.md that explains what to do. */
import { firesWhen } from "../azure-rule.ts";
import type { Alarm } from "../snapshot.ts";
import { nameOf } from "./names.ts";

type Facts = Record<string, unknown> & { event: string };

const keptAlarms = 40;
/** An equal alarm within this time increases the count instead of appearing again. */
const sameMs = 120_000;

const ofFinding: Record<string, string> = {
  unaccounted_signature: "unaccounted-signature",
  foreign_identity: "audited-misuse",
  foreign_operation: "audited-misuse",
  missing_record: "missing-record",
  unaccounted_refusal: "audited-refusal",
  open_intents: "open-intents",
};

const ofEvent: Record<string, string> = {
  sign_rate_abnormal: "sign-rate-abnormal",
  sign_audit_failed: "sign-audit-failing",
  ledger_outcome_lost: "ledger-outcome-lost",
  metadata_discontinuous: "metadata-discontinuous",
  metadata_keys_replaced: "metadata-keys-replaced",
  metadata_known_key_changed: "metadata-known-key-changed",
  metadata_record_refused: "metadata-record-refused",
  metadata_stale: "metadata-stale",
  metadata_store_unavailable: "metadata-store-unavailable",
  metadata_not_republished: "metadata-not-republished",
  credential_canary_failed: "credential-canary-failed",
  credential_fallback: "credential-fallback",
  credential_disabled: "credential-disabled",
  credentials_check_failed: "credentials-check-failing",
  policy_rejected: "policy-rejected",
  policy_not_readable: "policy-not-readable",
  shared_cache_failed: "shared-cache-failing",
};

/** The same codes as in infra/queries/alert-app-1.kql; those of `bugs` are in alert-app-2.kql. */
const credentialFaults = new Set([
  "signer_unauthorized",
  "signer_forbidden",
  "signer_key_disabled",
  "signer_key_not_found",
  "signer_rejected",
  "certificate_not_valid",
  "credential_rejected",
]);
const bugs = new Set(["unexpected", "clock_skewed", "token_endpoint_rejected", "token_not_as_asked"]);

function sectionOf(facts: Facts): string | undefined {
  const { event, finding, refusal, fault, threshold } = facts;
  if (event === "sign_audit_finding") return ofFinding[String(finding)];
  if (event === "metadata_refused") {
    const { reason } = (refusal ?? {}) as { reason?: string };
    return reason === "tls_not_trusted" ? "metadata-tls-not-trusted" : "metadata-refused";
  }
  if (event === "shared_cache_failed" && facts.reason === "not_ours") return "shared-cache-not-ours";
  if (event === "credential_drift")
    return /^missing|lock/.test(String(finding)) ? "credential-missing" : "credential-drift";
  if (event === "credential_expiring")
    return Number(threshold) <= 7 ? "credential-expiring-soon" : "credential-expiring";
  if (event === "request_answered" && fault) {
    const code = String((fault as { code?: string }).code);
    if (credentialFaults.has(code)) return "credential-refused";
    if (code === "signature_not_ours") return "signature-not-ours";
    return bugs.has(code) ? "unexpected-fault" : "dependency-outage";
  }
  return ofEvent[event];
}

export function createAlarms(severityOf: (section: string) => number) {
  const alarms: Alarm[] = [];
  let lastId = 0;
  return {
    take(facts: Facts, timeMs: number, aheadMinutes?: number): void {
      const section = sectionOf(facts);
      if (section === undefined) return;
      const told = factsOf(facts);
      const key = JSON.stringify(told.filter(([name]) => !collected.has(name)));
      const same = alarms.find(
        (each) => each.section === section && timeMs - each.timeMs < sameMs && keys.get(each) === key,
      );
      if (same) {
        same.count += 1;
        same.timeMs = timeMs;
        same.facts = same.facts.map(([name, value], i) => [name, collect(value, told[i]?.[1] ?? "")]);
        return;
      }
      const alarm: Alarm = {
        id: ++lastId,
        timeMs,
        section,
        count: 1,
        facts: told,
        severity: typeof facts.severity === "number" ? facts.severity : severityOf(section),
        title: titleOf(facts),
        ...(aheadMinutes !== undefined && { aheadMinutes }),
        ...withText("azure", firesWhen(section)),
        ...findingOf(facts),
      };
      keys.set(alarm, key);
      alarms.unshift(alarm);
      alarms.length = Math.min(alarms.length, keptAlarms);
    },
    /** `notes`: the reasons for acknowledgements, by the ids of the findings. */
    rows: (notes: ReadonlyMap<string, string> = new Map()): Alarm[] =>
      structuredClone(alarms).map((alarm) => ({
        ...alarm,
        ...withText("acknowledged", notes.get(alarm.finding?.id ?? "")),
      })),
  };
}

const withText = (name: string, text: string | undefined) => (text === undefined ? {} : { [name]: text });

function findingOf({ event, id, auditTable }: Facts): Pick<Alarm, "finding"> {
  if (event !== "sign_audit_finding" || typeof id !== "string") return {};
  return { finding: { id, ...(typeof auditTable === "string" && { auditTable }) } };
}

const keys = new WeakMap<Alarm, string>();

/** `home tenant`, then `home tenant, contoso`, up to a maximum length. */
function collect(values: string, value: string): string {
  return values.split(", ").includes(value) || values.length > 100 ? values : `${values}, ${value}`;
}

function titleOf({ event, finding, verdict, refusal, fault }: Facts): string {
  const { reason } = (refusal ?? {}) as { reason?: string };
  const { code } = (fault ?? {}) as { code?: string };
  return String(
    finding ?? (verdict && `sign rate ${verdict}`) ?? code ?? (reason && `${event}: ${reason}`) ?? event,
  ).replaceAll("_", " ");
}

/** Members that may differ between reports of the same problem. */
const collected = new Set(["source", "document"]);
const untold = new Set([
  "event",
  "time",
  "level",
  "id",
  "severity",
  "finding",
  "operation",
  "ledgerId",
  "auditTable",
  "isNew",
  "correlationId",
  "durationMs",
]);

/** Flat and short, with names instead of ids. */
function factsOf(facts: Facts): [string, string][] {
  return Object.entries(facts)
    .filter(([name, value]) => !untold.has(name) && value !== undefined && value !== null)
    .flatMap(([name, value]): [string, string][] =>
      typeof value === "object" && !Array.isArray(value)
        ? Object.entries(value as object).map(([inner, each]): [string, string] => [inner, textOf(inner, each)])
        : [[name, textOf(name, value)]],
    )
    .slice(0, 12);
}

function textOf(name: string, value: unknown): string {
  if (/Ms$/.test(name) && name !== "durationMs") return new Date(Number(value)).toISOString();
  const text = Array.isArray(value) ? value.map((item) => nameOf(String(item))).join(", ") : nameOf(String(value));
  return text.slice(0, 200);
}
