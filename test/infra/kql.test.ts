import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { queryText, sample } from "../../local/drills/alerts/rules.ts";
import { analyse, schemas } from "../../local/kusto/language.ts";
import { runQuery } from "../../local/kusto/query.ts";
import { ingested, type Row, type Value } from "../../local/kusto/values.ts";
import {
  parameterize,
  vaultArrivalsQuery,
  vaultNowQuery,
  vaultOperationsQuery,
  vaultRefusalsQuery,
} from "../../src/adapters/log-analytics/queries.ts";
import { deployed, queries } from "./queries.ts";
import { ofType, theResource } from "./templates.ts";

const vaultOperations = queries.get("vault-operations.kql") ?? "";
const asSent = parameterize(vaultOperationsQuery, {
  fromMs: Date.UTC(2026, 0, 31, 12),
  toMs: Date.UTC(2026, 0, 31, 12, 5),
  signingObjectId: "90000000-0000-4000-8000-000000000001",
  vaultResourceId: "/subscriptions/s/resourcegroups/r/providers/microsoft.keyvault/vaults/v",
  maxRows: 30_000,
});

/** What is put before a query that takes parameters, as the one who sends it does. */
const prologue = asSent.slice(0, asSent.length - vaultOperationsQuery.length);
const prologues: Readonly<Record<string, string>> = {
  "vault-operations.kql": prologue,
  "vault-refusals.kql": prologue,
  "vault-arrivals.kql": prologue,
  "vault-now.kql": prologue,
  "transform-tables.kql": "let source = StorageTableLogs | where true;\n",
};

describe("the queries in infra/queries", () => {
  assert.ok(queries.size > 0);
  for (const [name, text] of queries) {
    test(`${name} has no error in Kusto's own analyser`, () => {
      const { problems, columns } = analyse(`${prologues[name] ?? ""}${deployed(text)}`);
      assert.deepEqual(problems, []);
      assert.ok(columns.length > 0, "it has a result");
    });
  }

  test("an optional column that is named in column_ifexists is a column of some table", () => {
    const names = [...queries.values()].flatMap((text) =>
      [...text.matchAll(/column_ifexists\("(\w+)"/g)].map(([, name]) => name),
    );
    assert.ok(names.length > 0);
    const known = Object.values(schemas).join(", ");
    for (const name of names) assert.match(known, new RegExp(`\\b${name}:`));
  });
});

describe("the queries of the vault's log", () => {
  test("the text that is sent is the file, byte for byte", () => {
    assert.equal(vaultOperationsQuery, vaultOperations);
    assert.equal(vaultRefusalsQuery, queries.get("vault-refusals.kql"));
    assert.equal(vaultArrivalsQuery, queries.get("vault-arrivals.kql"));
    assert.equal(vaultNowQuery, queries.get("vault-now.kql"));
    assert.ok(asSent.endsWith(`;\n${vaultOperations}`));
  });

  test("its result has the columns that the reader looks for, with their types", () => {
    assert.deepEqual(analyse(asSent).columns, [
      "TimeGenerated:datetime",
      "OperationName:string",
      "HttpStatusCode:int",
      "CorrelationId:string",
      "Id:string",
      "RequestUri:string",
      "ObjectId:string",
      "AppId:string",
      "CallerIpAddress:string",
      "ClientInfo:string",
    ]);
  });

  test("refusals are one row for each identity, operation and status, with the facts of the first", () => {
    assert.deepEqual(analyse(`${prologue}${vaultRefusalsQuery}`).columns, [
      ...["ObjectId:string", "OperationName:string", "HttpStatusCode:int", "Requests:long", "LastTime:datetime"],
      ...["TimeGenerated:datetime", "CorrelationId:string", "Id:string", "RequestUri:string", "AppId:string"],
      ...["CallerIpAddress:string", "ClientInfo:string"],
    ]);
  });

  test("arrivals are windows with the number of their rows, and the clock is a time", () => {
    assert.deepEqual(analyse(`${prologue}${vaultArrivalsQuery}`).columns, ["Window:datetime", "Rows:long"]);
    assert.deepEqual(analyse(`${prologue}${vaultNowQuery}`).columns, ["Now:datetime"]);
  });

  test("without its parameters it is in error", () => {
    assert.match(analyse(vaultOperations).problems.join("\n"), /StartTime/);
  });
});

describe("the transformation of the workspace", () => {
  const transformation = theResource("Microsoft.Insights/dataCollectionRules", "transformation");

  test("is that of the table in which storage logs rows, and the workspace names it", () => {
    const [flow] = transformation.properties.dataFlows;
    assert.deepEqual(flow.streams, ["Microsoft-Table-StorageTableLogs"]);
    assert.equal(queryText(flow.transformKql), deployed(queries.get("transform-tables.kql") ?? ""));
    const named = ofType("Microsoft.OperationalInsights/workspaces").map(
      ({ properties }) => properties.defaultDataCollectionRuleResourceId,
    );
    assert.deepEqual(named, [undefined, transformation.id]);
  });

  test("declares the workspace as it is, but for the rule", () => {
    const [first, again] = ofType("Microsoft.OperationalInsights/workspaces");
    const { defaultDataCollectionRuleResourceId: _, ...properties } = again?.properties ?? {};
    assert.deepEqual({ ...again, properties }, first);
  });

  test("drops what the app itself writes to the ledger, and nothing else", () => {
    const ledger = `https://${sample.dataAccount}.table.core.windows.net/ledger(PartitionKey='p',RowKey='r')`;
    const own = {
      ...{ TimeGenerated: 1, AccountName: sample.dataAccount, Category: "StorageWrite", OperationName: "InsertEntity" },
      ...{ RequesterObjectId: sample.storage.toUpperCase(), Uri: ledger, StatusCode: 204, [ingested]: 1 },
    };
    const kept: Record<string, Row> = {
      "a deletion": { ...own, Category: "StorageDelete", OperationName: "DeleteEntity" },
      "the audit's table": { ...own, Uri: ledger.replace("/ledger", "/audit") },
      "somebody else": { ...own, RequesterObjectId: sample.deployer },
      "nobody in particular": { ...own, RequesterObjectId: "" },
      "another account": { ...own, AccountName: sample.hostAccount },
    };
    const query = `${prologues["transform-tables.kql"]}${deployed(queries.get("transform-tables.kql") ?? "")}`;
    const left = (row: Row) => runQuery(query, { StorageTableLogs: [row] }, 2).rows.length;
    assert.equal(left(own), 0);
    for (const [what, row] of Object.entries(kept)) assert.equal(left(row), 1, what);
  });
});

describe("the analyser", () => {
  const seeded: [fault: string, query: string, expected: RegExp][] = [
    ["an unknown column", asSent.replace("HttpStatusCode,", "HttpStatus,"), /HttpStatus'/],
    ["an unknown table", asSent.replace("AZKVAuditLogs", "AZKVAuditLog"), /AZKVAuditLog'/],
    ["bad syntax", asSent.replace("| project", "| projct"), /./],
    ["a comparison of unlike types", asSent.replace("< EndTime", "< MaxRows"), /./],
  ];
  for (const [fault, query, expected] of seeded) {
    test(`${fault} is found`, () => {
      assert.notEqual(query, asSent);
      assert.match(analyse(query).problems.join("\n"), expected);
    });
  }
});

describe("the queries in infra/queries, evaluated", () => {
  const samples: Readonly<Record<string, Value>> = { string: "x", int: 1, long: 1, real: 1, bool: true, dynamic: {} };
  /** One row for each table, with something in every column. */
  const rowOf = (columns: string): Row => {
    const typed = columns.split(", ").map((column) => column.split(":") as [string, string]);
    const filled = typed.map(([name, type]) => [name, samples[type] ?? Date.UTC(2026, 0, 30)]);
    return { ...Object.fromEntries(filled), [ingested]: Date.UTC(2026, 0, 31) };
  };
  const tables = Object.fromEntries(Object.entries(schemas).map(([name, columns]) => [name, [rowOf(columns)]]));
  for (const [name, text] of queries) {
    test(`${name} can be evaluated, and its rows have the columns of the analyser`, () => {
      const query = `${prologues[name] ?? ""}${deployed(text)}`;
      const { rows, columns } = runQuery(query, tables, Date.UTC(2026, 0, 31));
      for (const row of rows)
        assert.deepEqual(
          Object.keys(row),
          columns.map((column) => column.split(":")[0]),
        );
    });
  }
});
