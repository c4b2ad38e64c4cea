import type { KeyholdEvent } from "../../domain/events.ts";
import type { MetricName } from "./names.ts";

/** One value of one metric. Dimensions come from closed or short lists, so no caller can create new time series. */
export interface Measurement {
  metric: MetricName;
  value: number;
  dimensions: Record<string, string | number | boolean>;
}

type EventNamed<Name extends KeyholdEvent["event"]> = Extract<KeyholdEvent, { event: Name }>;
type Rules = { [Name in KeyholdEvent["event"]]?: (event: EventNamed<Name>) => Measurement[] };

const rules: Rules = {
  request_answered: ({ operation, outcome, cached = false, refusal, fault, durationMs }) => [
    measure("keyhold.request.duration", durationMs, { operation, outcome }),
    ...(outcome === "issued" ? [measure("keyhold.tokens.issued", 1, { operation, cached })] : []),
    ...(outcome === "issued" && !cached ? [measure("keyhold.mint.duration", durationMs, { operation })] : []),
    ...(refusal ? [measure("keyhold.requests.refused", 1, { operation, reason: refusal.reason })] : []),
    ...(fault ? [measure("keyhold.requests.faulted", 1, { operation, code: fault.code })] : []),
  ],
  token_renewal_failed: ({ reason }) => [measure("keyhold.renewals.failed", 1, { reason })],
  ledger_outcome_lost: ({ outcome }) => [measure("keyhold.ledger.outcomes_lost", 1, { outcome })],
  metadata_refused: ({ document, refusal }) => [
    measure("keyhold.metadata.refused", 1, { document, reason: refusal.reason }),
  ],
  metadata_refresh_finished: ({ durationMs }) => [measure("keyhold.metadata.refresh.duration", durationMs)],
  sign_rate_judged: ({ keyName, verdict, signs, low, high }) => [
    measure("keyhold.signs.rate", signs, { keyName, verdict }),
    measure("keyhold.signs.band.low", low, { keyName }),
    measure("keyhold.signs.band.high", high, { keyName }),
  ],
  sign_audit_finding: ({ finding, severity, isNew, count = 1 }) => [
    ...(isNew ? [measure("keyhold.audit.findings", count, { finding, severity })] : []),
    ...(isNew && finding === "unaccounted_signature" ? [measure("keyhold.signs.unaccounted", count)] : []),
  ],
  sign_audit_finished: ({ lagSeconds }) => [measure("keyhold.ledger.lag", lagSeconds)],
  sign_audit_failed: () => [measure("keyhold.audit.failed", 1)],
};

/** The measurements of an event; none for an event without a rule. */
export function metricsOf(event: KeyholdEvent): Measurement[] {
  const rule = rules[event.event] as ((event: KeyholdEvent) => Measurement[]) | undefined;
  return (rule?.(event) ?? []).filter(({ value }) => Number.isFinite(value));
}

/** One measurement; `value` is in the unit that `metrics` gives for the metric. */
export function measure(metric: MetricName, value: number, dimensions: Measurement["dimensions"] = {}): Measurement {
  return { metric, value, dimensions };
}
