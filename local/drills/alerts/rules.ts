/** The log rules as deployed, from infra/main.snapshot.json, and their evaluation on a workspace. */
import { readFileSync } from "node:fs";
import { runQuery } from "../../kusto/query.ts";
import type { Row, Tables } from "../../kusto/values.ts";

export interface LogRule {
  /** `<table>-<severity>`. */
  id: string;
  severity: number;
  query: string;
  /** Text columns. Each combination of their values raises a separate alert. */
  dimensions: string[];
  /** Whether the alert resolves itself. It does not fire again before that. */
  isStateful: boolean;
  everyMinutes: number;
}

interface Resource {
  type: string;
  name: string;
  id: string;
  // biome-ignore lint/suspicious/noExplicitAny: each type has a shape of its own, which Bicep's compiler has checked
  properties: any;
}

const snapshot = JSON.parse(readFileSync(new URL("../../../infra/main.snapshot.json", import.meta.url), "utf8")) as {
  predictedResources: Resource[];
};
const idOf = (type: string) => snapshot.predictedResources.find((each) => each.type === type)?.id ?? "";
const accountOf = (prefix: string) =>
  snapshot.predictedResources.find(({ name }) => name.startsWith(prefix))?.name ?? "";

/**
 * The resources that the queries of the sample deployment read. Object ids are known only in a deployment, so these are
 * made up.
 */
export const sample = {
  vaultId: idOf("Microsoft.KeyVault/vaults"),
  insightsId: idOf("Microsoft.Insights/components"),
  groupId: idOf("Microsoft.Resources/resourceGroups"),
  dataAccount: accountOf("kholddata"),
  hostAccount: accountOf("kholdhost"),
  deployer: "00000000-0000-4000-8000-0000000de910",
  signer: "90000000-0000-4000-8000-000000000001",
  storage: "90000000-0000-4000-8000-000000000002",
  sharedCache: "90000000-0000-4000-8000-000000000003",
};

/** Values that are known only in a deployment. */
const late: Readonly<Record<string, string>> = {
  "<signingIdentityPrincipalId>": sample.signer,
  "<storageIdentityPrincipalId>": sample.storage,
  "<sharedCacheIdentityPrincipalId>": sample.sharedCache,
  "<workspaceCreatedAt>": "Thu, 01 Jan 2026 09:00:00 GMT",
};

/** Resolves `[replace(replace('text', '<name>', reference(...)), ...)]`. ARM doubles a quote in a string. */
export function queryText(value: string): string {
  const [, quoted] = /^\[(?:replace\()+'([\s\S]*?)', '<\w+>', /.exec(value) ?? [];
  const text = quoted?.replaceAll("''", "'") ?? value;
  return Object.entries(late).reduce((rest, [name, each]) => rest.replaceAll(name, each), text);
}

export const logRules: readonly LogRule[] = snapshot.predictedResources
  .filter(({ type }) => type === "Microsoft.Insights/scheduledQueryRules")
  .map(({ name, properties }) => ({
    id: name.replace(/^keyhold-sample-/, ""),
    severity: properties.severity,
    query: queryText(properties.criteria.allOf[0].query),
    dimensions: properties.criteria.allOf[0].dimensions.map((dimension: { name: string }) => dimension.name),
    isStateful: properties.autoMitigate,
    everyMinutes: Number(/^PT(\d+)M$/.exec(properties.evaluationFrequency)?.[1]),
  }));

/** The alerts that a rule raises at a given time, by their dimensions. */
export function evaluateRule(rule: LogRule, tables: Tables, nowMs: number): Row[] {
  return runQuery(rule.query, tables, nowMs).rows.filter(({ Occurrences }) => Number(Occurrences) > 0);
}
