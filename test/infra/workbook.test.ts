import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { analyse } from "../../local/kusto/language.ts";
import { queries } from "./queries.ts";
import { theResource } from "./templates.ts";

interface Item {
  type: number;
  name: string;
  content: {
    json?: string;
    version?: string;
    query?: string;
    visualization?: string;
    queryType?: number;
    resourceType?: string;
    crossComponentResources?: string[];
    timeContextFromParameter?: string;
    parameters?: { name: string; version: string; type: number; query?: string; crossComponentResources?: string[] }[];
  };
}
interface Notebook {
  version: string;
  items: Item[];
  fallbackResourceIds: string[];
}

const infra = new URL("../../infra/", import.meta.url);
const template = await readFile(new URL("workbook/keyhold.workbook.json", infra), "utf8");
/** As it is deployed, the queries and the ids of the sample put in. */
const deployed: string = theResource("Microsoft.Insights/workbooks").properties.serializedData;
const charts = ["table", "linechart"];

/** What the portal would not show, or show something else for. */
function problemsOf({ version, items, fallbackResourceIds }: Notebook): string[] {
  const parameters = items.flatMap(({ content }) => content.parameters ?? []);
  const names = items.map(({ name }) => name);
  return [
    ...(version === "Notebook/1.0" ? [] : ["not a notebook"]),
    ...(fallbackResourceIds.length === 1 ? [] : ["no resource to ask"]),
    ...(new Set(names).size === names.length ? [] : ["two items of one name"]),
    ...items.flatMap((item) =>
      problemsOfItem(
        item,
        parameters.map(({ name }) => name),
      ).map((p) => `${item.name}: ${p}`),
    ),
    ...parameters.flatMap(({ query }) => (query === undefined ? [] : problemsOfQuery(query, []))),
  ];
}

function problemsOfItem({ type, content }: Item, parameters: string[]): string[] {
  if (type === 1) return content.json ? [] : ["no text"];
  if (type === 9) return content.version === "KqlParameterItem/1.0" && content.parameters ? [] : ["no parameters"];
  if (type !== 3) return [`unknown type ${type}`];
  const isKql = content.version === "KqlItem/1.0" && content.queryType === 0;
  const isAsked = content.resourceType === "microsoft.operationalinsights/workspaces";
  return [
    ...(isKql && isAsked && content.crossComponentResources?.length === 1 ? [] : ["not asked of the workspace"]),
    ...(parameters.includes(content.timeContextFromParameter ?? "") ? [] : ["no time range"]),
    ...(charts.includes(content.visualization ?? "") ? [] : ["unknown visualization"]),
    ...problemsOfQuery(content.query ?? "", parameters, content.visualization),
  ];
}

function problemsOfQuery(query: string, parameters: string[], visualization?: string): string[] {
  const { problems, columns } = analyse(query);
  const used = [...query.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
  const isChart = visualization !== "linechart" || columns.some((column) => column.endsWith(":datetime"));
  return [
    ...problems,
    ...(columns.length > 0 ? [] : ["no result"]),
    ...used.filter((name) => !parameters.includes(name)).map((name) => `no parameter ${name}`),
    ...(isChart ? [] : ["a line without times"]),
    ...[...query.matchAll(/<\w+>/g)].map(([name]) => `nothing is put in for ${name}`),
  ];
}

describe("the workbook", () => {
  test("is a notebook whose queries have no error, as it is deployed", () => {
    const notebook = JSON.parse(deployed) as Notebook;
    assert.ok(notebook.items.length > 10);
    assert.deepEqual(problemsOf(notebook), []);
  });

  test("uses every query that is made for it, from its own file, and no other", () => {
    const files = [...queries.keys()].filter((name) => name.startsWith("workbook-")).sort();
    const named = [...template.matchAll(/"query": "([^"]*)"/g)].map((match) => match[1]);
    assert.deepEqual(named.sort(), files);
  });

  test("reads nothing beyond our own resources", () => {
    for (const [name, text] of queries) {
      if (!name.startsWith("workbook-")) continue;
      const tables = text.match(/^(?:let \w+ = )?(AZKVAuditLogs|App\w+)$/gm) ?? [];
      const scopes = text.match(/\| where _ResourceId =~ "<(keyVaultId|applicationInsightsId)>"/g) ?? [];
      assert.ok(tables.length > 0 && tables.length === scopes.length, name);
    }
  });

  const seeded: [fault: string, text: string, expected: RegExp][] = [
    ["another format", deployed.replace("Notebook/1.0", "Notebook/2.0"), /not a notebook/],
    ["a query that is not filled in", deployed.replace("AppEvents", "workbook-answers.kql"), /KS/],
    ["a chart that is unknown", deployed.replace('"linechart"', '"lines"'), /unknown visualization/],
    ["a query without a time range", deployed.replace('"TimeRange"', '"Time"'), /no time range/],
    ["a line without times", deployed.replace('"table"', '"linechart"').replace("    Found,", ""), /./],
    ["an item of an unknown kind", deployed.replace('"type": 3', '"type": 33'), /unknown type 33/],
  ];
  for (const [fault, text, expected] of seeded) {
    test(`${fault} is found`, () => {
      assert.notEqual(text, deployed);
      assert.match(problemsOf(JSON.parse(text)).join("\n"), expected);
    });
  }
});
