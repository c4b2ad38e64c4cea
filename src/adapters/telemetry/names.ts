import type { KeyholdEvent } from "../../domain/events.ts";

/**
 * Every name that arrives in Application Insights: alert rules and workbooks may use these and no others. An event
 * arrives in AppEvents under its own name, a metric in AppMetrics.
 */
export const eventNames = [
  "request_answered",
  "token_renewal_failed",
  "policy_applied",
  "policy_rejected",
  "policy_not_readable",
  "ledger_outcome_lost",
  "metadata_promoted",
  "metadata_refused",
  "metadata_discontinuous",
  "metadata_keys_replaced",
  "metadata_keys_differ",
  "metadata_stale",
  "metadata_store_unavailable",
  "metadata_not_republished",
  "metadata_refresh_finished",
  "sign_audit_finding",
  "sign_audit_resolved",
  "sign_rate_judged",
  "sign_rate_abnormal",
  "sign_audit_finished",
  "sign_audit_failed",
  "credential_promoted",
  "credential_retired",
  "credential_enabled",
  "credential_disabled",
  "credential_canary_failed",
  "credential_fallback",
  "credential_expiring",
  "credential_drift",
  "credentials_checked",
  "credentials_check_failed",
] as const satisfies readonly KeyholdEvent["event"][];

/**
 * A counter is summed, a gauge is the last value, a histogram has count, sum, least and greatest. A total is all since
 * the start of the instance, told again each time: it survives that an export is lost.
 */
export type MetricKind = "counter" | "gauge" | "histogram" | "total";

export const metrics = {
  "keyhold.tokens.issued": { kind: "counter", unit: "1" },
  "keyhold.requests.refused": { kind: "counter", unit: "1" },
  "keyhold.requests.faulted": { kind: "counter", unit: "1" },
  "keyhold.request.duration": { kind: "histogram", unit: "ms" },
  "keyhold.mint.duration": { kind: "histogram", unit: "ms" },
  "keyhold.renewals.failed": { kind: "counter", unit: "1" },
  "keyhold.ledger.outcomes_lost": { kind: "counter", unit: "1" },
  "keyhold.ledger.lag": { kind: "gauge", unit: "s" },
  "keyhold.signs.rate": { kind: "histogram", unit: "1" },
  "keyhold.signs.band.low": { kind: "gauge", unit: "1" },
  "keyhold.signs.band.high": { kind: "gauge", unit: "1" },
  "keyhold.signs.unaccounted": { kind: "counter", unit: "1" },
  "keyhold.audit.findings": { kind: "counter", unit: "1" },
  "keyhold.audit.failed": { kind: "counter", unit: "1" },
  "keyhold.metadata.refused": { kind: "counter", unit: "1" },
  "keyhold.metadata.refresh.duration": { kind: "histogram", unit: "ms" },
  "keyhold.telemetry.lost": { kind: "total", unit: "1" },
} as const satisfies Record<string, { kind: MetricKind; unit: string }>;

export type MetricName = keyof typeof metrics;

export const metricNames = Object.keys(metrics) as MetricName[];
