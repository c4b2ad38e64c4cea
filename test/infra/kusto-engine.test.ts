/**
 * Hand-worked examples of each operator and function of `local/kusto`, in the manner of Kusto's reference. The rows are a
 * table of vault operations; what each query must yield was worked out by hand.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runQuery } from "../../local/kusto/query.ts";
import { ingested, type Row } from "../../local/kusto/values.ts";

const nowMs = Date.UTC(2026, 0, 31, 12);
const minuteMs = 60_000;

function row(minutesAgo: number, name: string, properties: Row, status: number | null = 200): Row {
  const time = nowMs - minutesAgo * minuteMs;
  return {
    ...{ TimeGenerated: time, OperationName: name, HttpStatusCode: status, Properties: properties as never },
    ...{ CallerIpAddress: "10.0.0.4", RequestUri: "https://v.vault.azure.net/keys/Billing/1/sign?a=b" },
    // Two minutes later in the log.
    [ingested]: time + 2 * minuteMs,
  };
}

const rows: Row[] = [
  row(1, "KeySign", { claim: { oid: "a" }, ms: 10 }),
  row(7, "KeySign", { claim: { oid: "a" }, ms: 30 }),
  row(8, "KeySign", { claim: { oid: "B" }, ms: 20 }, null),
  row(61, "KeyGet", { claim: {}, ms: 40 }, 403),
];

const ask = (query: string) => runQuery(query, { AZKVAuditLogs: rows }, nowMs).rows;
const value = (expression: string) => ask(`AZKVAuditLogs | take 1 | project Value = ${expression}`)[0]?.Value;

describe("an operator yields what Kusto's reference says", () => {
  const examples: [what: string, query: string, expected: Row[]][] = [
    ["where", "AZKVAuditLogs | where HttpStatusCode == 403 | project OperationName", [{ OperationName: "KeyGet" }]],
    ["where and null: != is true", "AZKVAuditLogs | where HttpStatusCode != 200 | count", [{ Count: 2 }]],
    ["where and null: < is not true", "AZKVAuditLogs | where HttpStatusCode < 300 | count", [{ Count: 2 }]],
    [
      "between, both ends included",
      "AZKVAuditLogs | where HttpStatusCode between (200 .. 403) | count",
      [{ Count: 3 }],
    ],
    [
      "in~ and !in",
      'AZKVAuditLogs | where OperationName in~ ("keysign") and HttpStatusCode !in (1) | count',
      [{ Count: 3 }],
    ],
    [
      "or, not in case",
      'AZKVAuditLogs | where OperationName =~ "KEYGET" or OperationName !~ "keysign" | count',
      [{ Count: 1 }],
    ],
    ["ago", "AZKVAuditLogs | where TimeGenerated > ago(7m) | count", [{ Count: 1 }]],
    ["ingestion_time", "AZKVAuditLogs | where ingestion_time() >= ago(5m) | count", [{ Count: 2 }]],
    [
      "extend, and again what was extended",
      'AZKVAuditLogs | take 1 | extend A = OperationName, B = 1 | extend A = strcat(A, "!") | project A, B',
      [{ A: "KeySign!", B: 1 }],
    ],
    [
      "summarize by, in the order of first appearance, keys first",
      "AZKVAuditLogs | summarize Rows = count(), Slow = countif(toint(Properties.ms) > 15) by Name = OperationName",
      [
        { Name: "KeySign", Rows: 3, Slow: 2 },
        { Name: "KeyGet", Rows: 1, Slow: 1 },
      ],
    ],
    [
      "summarize without by: one row for no rows",
      "AZKVAuditLogs | where HttpStatusCode == 1 | summarize N = count(), Last = max(TimeGenerated)",
      [{ N: 0, Last: null }],
    ],
    ["summarize by, of no rows", "AZKVAuditLogs | where HttpStatusCode == 1 | summarize count() by OperationName", []],
    [
      "sum, sumif, min, max, maxif",
      'AZKVAuditLogs | extend Ms = tolong(Properties.ms) | summarize A = sum(Ms), B = sumif(Ms, OperationName == "KeySign"), C = min(Ms), D = max(Ms), E = maxif(Ms, HttpStatusCode == 200)',
      [{ A: 100, B: 60, C: 10, D: 40, E: 30 }],
    ],
    [
      "arg_max",
      "AZKVAuditLogs | summarize arg_max(TimeGenerated, CallerIpAddress) by OperationName | project OperationName, TimeGenerated",
      [
        { OperationName: "KeySign", TimeGenerated: nowMs - minuteMs },
        { OperationName: "KeyGet", TimeGenerated: nowMs - 61 * minuteMs },
      ],
    ],
    [
      "make_set, each once, so many at most",
      "AZKVAuditLogs | summarize S = make_set(OperationName, 1)",
      [{ S: ["KeySign"] }],
    ],
    [
      "percentile and percentilew",
      "AZKVAuditLogs | extend Ms = tolong(Properties.ms) | summarize P = percentile(Ms, 50), W = percentilew(Ms, iff(Ms == 40, 9, 1), 50)",
      [{ P: 20, W: 40 }],
    ],
    [
      "bin in by",
      "AZKVAuditLogs | where TimeGenerated > ago(10m) | summarize N = count() by bin(TimeGenerated, 5m)",
      [
        { TimeGenerated: nowMs - 5 * minuteMs, N: 1 },
        { TimeGenerated: nowMs - 10 * minuteMs, N: 2 },
      ],
    ],
    ["distinct", "AZKVAuditLogs | distinct OperationName", [{ OperationName: "KeySign" }, { OperationName: "KeyGet" }]],
    [
      "order by: descending without a word, then by the next",
      "AZKVAuditLogs | extend Ms = tolong(Properties.ms) | order by OperationName, Ms asc | project Ms | take 3",
      [{ Ms: 10 }, { Ms: 20 }, { Ms: 30 }],
    ],
    [
      "mv-expand",
      'AZKVAuditLogs | take 1 | project B = 1, A = pack_array("x", "y") | mv-expand A to typeof(string)',
      [
        { B: 1, A: "x" },
        { B: 1, A: "y" },
      ],
    ],
    [
      "datatable and join leftouter: without a partner null, or empty text",
      'datatable(Name: string, Limit: long) ["KeySign", 1, "KeyList", 2] | join kind=leftouter (AZKVAuditLogs | summarize N = count(), T = max(CallerIpAddress) by Name = OperationName) on Name',
      [
        { Name: "KeySign", Limit: 1, Name1: "KeySign", N: 3, T: "10.0.0.4" },
        { Name: "KeyList", Limit: 2, Name1: "", N: null, T: "" },
      ],
    ],
    [
      "join leftanti and a let of a table",
      'let Signs = AZKVAuditLogs | where OperationName == "KeySign"; AZKVAuditLogs | join kind=leftanti Signs on OperationName | project OperationName',
      [{ OperationName: "KeyGet" }],
    ],
    ["print", "print A = 1, B = now()", [{ A: 1, B: nowMs }]],
    [
      "let of toscalar",
      "let N = toscalar(AZKVAuditLogs | count); AZKVAuditLogs | where N == 4 | count",
      [{ Count: 4 }],
    ],
  ];
  for (const [what, query, expected] of examples) test(what, () => assert.deepEqual(ask(query), expected));
});

describe("an expression has the value that Kusto's reference says", () => {
  const examples: [expression: string, expected: unknown][] = [
    ['tostring(Properties.claim["oid"])', "a"],
    ["tostring(Properties.claim.none)", ""],
    ['coalesce(tostring(Properties.none), "", "unknown")', "unknown"],
    ["coalesce(toint(Properties.none), 0)", 0],
    ['iff(isnull(HttpStatusCode), "none", "some")', "some"],
    ['case(1 == 2, "a", 2 == 2, "b", "c")', "b"],
    ['case(1 == 2, "a", "c")', "c"],
    ['tolower(tostring(split(tostring(parse_url(RequestUri).Path), "/")[2]))', "billing"],
    ['tostring(split("a/b", "/")[7])', ""],
    ['extract("(^| )(src/[^, ]+)", 2, "x src/a.ts:1, y")', "src/a.ts:1"],
    ['extract("b", 0, "a")', ""],
    ["not(1 == 2)", true],
    ['isempty("") and isnotempty("a")', true],
    ['"AbC" startswith "ab" and "AbC" contains "BC" and "AbC" !contains "x" and "a/Bc/d" has "bc"', true],
    ['"a" == "A"', false],
    ["round(2.345, 1)", 2.3],
    ["100.0 * 1 / 8", 12.5],
    ['tolong(2.9) + toreal("1.5")', 3.5],
    ['tolong("no number")', null],
    ["datetime(1970-01-01) + tolong(5) * 1ms", 5],
    ["tostring(datetime(2026-01-31))", "2026-01-31T00:00:00.0000000Z"],
    ['todatetime("2026-01-31T10:00:00Z")', Date.UTC(2026, 0, 31, 10)],
    ['todatetime("Sat, 31 Jan 2026 10:00:00 GMT")', Date.UTC(2026, 0, 31, 10)],
    ['todatetime("<never>")', null],
    ['datetime_diff("minute", datetime(2026-01-31 11:00:01), datetime(2026-01-31 10:58:59))', 2],
    ['datetime_diff("hour", datetime(2026-01-31 11:00:00), datetime(2026-01-31 10:59:59))', 1],
    ["now() - ago(1h) == 1h", true],
    ['column_ifexists("Nowhere", "-")', "-"],
    ['column_ifexists("OperationName", "-")', "KeySign"],
    ['strcat_array(pack_array("a", "b"), " ")', "a b"],
    ['trim(" ", "  a ")', "a"],
  ];
  for (const [expression, expected] of examples) test(expression, () => assert.deepEqual(value(expression), expected));
});

describe("a query that cannot be evaluated throws", () => {
  const examples: [what: string, query: string, expected: RegExp][] = [
    ["what the analyser finds in error", "AZKVAuditLogs | where Nothing == 1", /Nothing/],
    ["an operator that is not interpreted", "AZKVAuditLogs | sample 1", /not interpreted: SampleOperator/],
    ["a function that is not interpreted", "AZKVAuditLogs | project A = sqrt(4)", /not interpreted: sqrt/],
    [
      "an aggregate that is not interpreted",
      "AZKVAuditLogs | summarize dcount(OperationName)",
      /not interpreted: dcount/,
    ],
    ["a table that is not there", "AppEvents | count", /no table AppEvents/],
  ];
  for (const [what, query, expected] of examples) test(what, () => assert.throws(() => ask(query), expected));
});

test("the columns of a result are those that Kusto's analyser finds, for every example", () => {
  const { columns, rows: found } = runQuery(
    "AZKVAuditLogs | summarize count() by OperationName",
    { AZKVAuditLogs: rows },
    nowMs,
  );
  assert.deepEqual(columns, ["OperationName:string", "count_:long"]);
  assert.deepEqual(Object.keys(found[0] ?? {}), ["OperationName", "count_"]);
});
