import { basename } from "node:path";
import { type BicepFile, readInfra } from "./bicep/parse.ts";
import { type Expression, type Literal, literalVariable } from "./bicep-literal.ts";

/** One alert of infra/modules/alerts, as it stands there. */
export interface AlertDefinition {
  /** Its file, which is the source that it stands on. */
  source: string;
  id: string;
  severity: number;
  summary: string;
  consequence: string;
  action: string;
  /** Log alerts: a file of infra/queries. */
  query?: string;
  measure?: string;
  dimensions?: string[];
  threshold?: number | Expression;
  /** Alerts on the activity log. */
  operations?: string[];
  /** Metric alerts. */
  operator?: string;
}

const folder = "infra/modules/alerts/";
const rules = `${folder}log-rules.bicep`;

export const infra = readInfra();
export const alertFiles = [...infra.values()].filter(({ path }) => path.startsWith(folder) && path !== rules);
export const alerts: readonly AlertDefinition[] = alertFiles.flatMap((file) =>
  (literalVariable(file, "alerts") as { [name: string]: Literal }[]).map((alert) => read(file, alert)),
);
export const logAlerts = alerts.filter(({ query }) => query !== undefined);

/** Minutes between two evaluations, by severity. */
export const frequencyMinutes: readonly number[] = (literalVariable(fileAt(rules), "frequencies") as string[]).map(
  (text) => Number(/^PT(\d+)M$/.exec(text)?.[1]),
);

export function fileAt(path: string): BicepFile {
  const file = infra.get(path);
  if (!file) throw new TypeError(`there is no ${path}`);
  return file;
}

function read({ path }: BicepFile, { query, ...rest }: { [name: string]: Literal }): AlertDefinition {
  const file = query === undefined ? {} : { query: basename(String(query)) };
  return {
    source: basename(path, ".bicep"),
    ...(rest as unknown as Omit<AlertDefinition, "source" | "query">),
    ...file,
  };
}
