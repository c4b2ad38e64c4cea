import { ofType, type Resource } from "./templates.ts";

/** One alert, as it is deployed. */
export interface AlertDefinition {
  /** What it stands on. */
  source: "metric" | "activity log" | "log";
  id: string;
  severity: number;
  summary: string;
  consequence: string;
  action: string;
  /** Log alerts: the text of their query. */
  query?: string;
  measure?: string;
  dimensions?: string[];
  threshold?: number;
  everyMinutes?: number;
  /** Alerts on the activity log. */
  operations?: string[];
  /** Metric alerts. */
  operator?: string;
}

const prefix = "keyhold-sample-";
export const signingPrincipal = "90000000-0000-4000-8000-000000000001";

export const alerts: readonly AlertDefinition[] = [
  ...ofType("Microsoft.Insights/scheduledQueryRules").map(readLogAlert),
  ...ofType("Microsoft.Insights/metricAlerts").map(readMetricAlert),
  ...ofType("Microsoft.Insights/activityLogAlerts").map(readActivityAlert),
];
export const logAlerts = alerts.filter(({ source }) => source === "log");

/**
 * A text whose last placeholder only a deployment fills: `[replace('text', '<name>', reference(...))]`. ARM doubles a quote
 * in a string.
 */
function queryText(value: string): string {
  const [, text] = /^\[replace\('([\s\S]*)', '<signingIdentityPrincipalId>', reference\(.*\)\]$/.exec(value) ?? [];
  return (text?.replaceAll("''", "'") ?? value).replaceAll("<signingIdentityPrincipalId>", signingPrincipal);
}

function readLogAlert({ name, properties }: Resource): AlertDefinition {
  const { query, metricMeasureColumn, dimensions, threshold } = properties.criteria.allOf[0];
  return {
    source: "log",
    id: name.slice(prefix.length),
    severity: properties.severity,
    ...sentences(properties.actions.customProperties),
    query: queryText(query),
    measure: metricMeasureColumn,
    dimensions: dimensions.map((dimension: Resource) => dimension.name),
    threshold,
    everyMinutes: Number(/^PT(\d+)M$/.exec(properties.evaluationFrequency)?.[1]),
  };
}

function readMetricAlert({ name, properties }: Resource): AlertDefinition {
  return {
    source: "metric",
    id: name.slice(prefix.length),
    severity: properties.severity,
    ...sentences(properties.actions[0].webHookProperties),
    operator: properties.criteria.allOf[0].operator,
  };
}

function readActivityAlert({ name, properties }: Resource): AlertDefinition {
  const texts = properties.actions.actionGroups[0].webhookProperties;
  const operations = properties.condition.allOf.flatMap(({ anyOf = [] }: Resource) => anyOf);
  return {
    source: "activity log",
    id: name.slice(prefix.length),
    severity: Number(texts.severity),
    ...sentences(texts),
    operations: operations.map((operation: Resource) => operation.equals),
  };
}

function sentences({ summary, consequence, action }: Record<string, string>) {
  return { summary: summary ?? "", consequence: consequence ?? "", action: action ?? "" };
}
