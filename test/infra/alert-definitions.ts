import { logRules } from "../../local/drills/alerts/rules.ts";
import { ofType, type Resource } from "./templates.ts";

/** One alert: a section of the runbook. */
export interface AlertDefinition {
  id: string;
  severity: number;
  /** As the runbook says it. */
  standsOn: string;
}

const logs: Readonly<Record<string, string>> = {
  ...{ vault: "vault's log", app: "app's events", silence: "app's events", telemetry: "app's metrics" },
  ...{ activity: "activity log", blobs: "storage's log", tables: "storage's log" },
};
const ofBoth = ["signs-without-app", "vault-log-silent"];

/** Literals of queries that look like the name of an alert and are none. */
const otherNames = ["app-package", "shared-cache", "rg-keyhold-sample"];

/** The alerts that the query of a rule can name, by its text. */
export function alertsIn(query: string): string[] {
  const code = query.replace(/^\s*\/\/.*$/gm, "");
  const names = [...code.matchAll(/"([a-z]+(?:-[a-z]+)+|deployed)"/g)].map(([, name = ""]) => name);
  return [...new Set(names)].filter((name) => !otherNames.includes(name));
}

export const metricAlerts = ofType("Microsoft.Insights/metricAlerts");
export const activityAlerts = ofType("Microsoft.Insights/activityLogAlerts");
const idOf = ({ name }: Resource) => name.replace(/^keyhold-sample-/, "");

const ofLogs = logRules.flatMap(({ id, severity, query }) =>
  alertsIn(query).map((alert) => {
    const standsOn = ofBoth.includes(alert) ? "vault's log and app's events" : (logs[id.split("-")[0] ?? ""] ?? "");
    return { id: alert, severity, standsOn };
  }),
);
const ofMetrics = metricAlerts.map((rule) => ({
  ...{ id: idOf(rule), severity: Number(rule.properties.severity), standsOn: "vault's metric" },
}));
const ofActivities = activityAlerts.map((rule) => ({
  id: idOf(rule),
  severity: Number(rule.properties.actions.actionGroups[0].webhookProperties.severity),
  standsOn: idOf(rule) === "alert-rule-unhealthy" ? "resource health" : "activity log",
}));

/** Each once: an alert can come from two tables. */
export const alerts: readonly AlertDefinition[] = [
  ...new Map([...ofLogs, ...ofMetrics, ...ofActivities].map((alert) => [alert.id, alert])).values(),
];
