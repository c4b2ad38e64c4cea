/**
 * A counter is summed; a gauge is the last value; a histogram has count, sum, minimum and maximum. A total counts
 * everything since the start of the instance and is sent each time, so a failed export loses no counts.
 */
export type MetricKind = "counter" | "gauge" | "histogram" | "total";

/**
 * Every metric that is sent to Application Insights (table AppMetrics). Alert rules and workbooks may use no others.
 */
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

/**
 * Calls to other services, by name, with the service, which is a node of the application map. Both are our own
 * constants (I6).
 */
export const calls = {
  "ledger intent": "storage",
  "Key Vault sign": "Key Vault",
  "Entra token": "Entra",
  "Entra metadata": "Entra",
  "Log Analytics query": "Log Analytics",
  "Graph application": "Microsoft Graph",
} as const;

export type CallName = keyof typeof calls;
