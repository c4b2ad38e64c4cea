import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { problemsOf } from "./alert-checks.ts";
import { type AlertDefinition, alertFiles, alerts, fileAt, frequencyMinutes, logAlerts } from "./alert-definitions.ts";
import { parseBicep } from "./bicep/parse.ts";
import { literalVariable } from "./bicep-literal.ts";
import { placeholders, queries } from "./queries.ts";

const queryOf = (alert: AlertDefinition) => queries.get(alert.query ?? "") ?? "";
const everyMinutes = (alert: AlertDefinition) => frequencyMinutes[alert.severity] ?? 0;

describe("every alert", () => {
  test("has an id of its own that can be an anchor, a severity, and says what, so what and what now", () => {
    assert.ok(alerts.length > 40, "the alerts were found");
    assert.equal(new Set(alerts.map(({ id }) => id)).size, alerts.length);
    for (const { id, severity, summary, consequence, action } of alerts) {
      assert.match(id, /^[a-z]+(-[a-z]+)+$/);
      assert.ok([0, 1, 2, 3].includes(severity), id);
      for (const sentence of [summary, consequence, action]) assert.match(sentence, /^[A-Z].{10,160}\.$/, id);
    }
  });

  test("is deployed: alerts.bicep uses each file, and each file hands its alerts to rules", () => {
    const called = fileAt("infra/modules/alerts.bicep").modules.map(({ source }) => `infra/modules/${source}`);
    assert.deepEqual(called.sort(), alertFiles.map(({ path }) => path).sort());
    for (const { code } of alertFiles) assert.match(code, /alerts: alerts\n|for alert in alerts:/);
  });
});

describe("every log alert", () => {
  for (const alert of logAlerts) {
    test(`${alert.id} asks a query of its name that has what the rule looks at`, () => {
      assert.equal(alert.query, `alert-${alert.id}.kql`);
      assert.deepEqual(problemsOf(alert, queryOf(alert), everyMinutes(alert)), []);
    });
  }

  test("and only they have a query of that kind", () => {
    const files = [...queries.keys()].filter((name) => name.startsWith("alert-"));
    assert.deepEqual(files.sort(), logAlerts.map(({ query }) => query).sort());
  });

  test("is evaluated every five minutes if it wakes somebody", () => {
    assert.deepEqual(frequencyMinutes, [5, 5, 15, 15]);
  });

  test("gets its placeholders filled in", () => {
    const rules = fileAt("infra/modules/alerts/log-rules.bicep").code;
    for (const name of Object.keys(placeholders)) {
      assert.match(rules, new RegExp(`'${name}',\\s*context\\.${name.slice(1, -1)}\\b`));
    }
  });

  test("fires on one occurrence, but for those that wait for more on purpose", () => {
    const waiting = logAlerts.filter((alert) => /where (Occurrences|SilentMinutes|Signs) >=/.test(queryOf(alert)));
    assert.deepEqual(waiting.map(({ id }) => id).sort(), [
      "credentials-check-failing",
      "dependency-outage",
      "metadata-not-republished",
      "metadata-refused",
      "metadata-store-unavailable",
      "policy-not-readable",
      "sign-audit-failing",
    ]);
    const thresholds = logAlerts.filter(({ threshold }) => threshold !== 0).map(({ id }) => id);
    assert.deepEqual(thresholds.sort(), [
      "credentials-check-silent",
      "metadata-refresh-silent",
      "sign-audit-silent",
      "sign-hard-cap",
    ]);
  });
});

describe("what a taken over app cannot suppress", () => {
  const independent = logAlerts.filter((alert) => !/\bApp(Events|Metrics)\b/.test(queryOf(alert)));

  test("is asked of the vault's own log and of nothing else, and stands in a file of its own", () => {
    assert.deepEqual(independent.map(({ id }) => id).sort(), [
      "foreign-operation",
      "foreign-signer",
      "refused-operation",
      "refused-sign",
      "sensitive-operation",
      "sign-hard-cap",
    ]);
    for (const { source } of independent) assert.equal(source, "vault-log");
  });

  test("takes a row without a status for one that succeeded", () => {
    for (const alert of independent) {
      if (alert.id.startsWith("refused")) continue;
      assert.match(queryOf(alert), /coalesce\(HttpStatusCode, 0\) < 300/, alert.id);
    }
  });

  test("includes the rate above and below, by the vault's metric", () => {
    const metric = alerts.filter(({ source }) => source === "vault-metric");
    assert.deepEqual(metric.map(({ operator }) => operator).sort(), ["GreaterThan", "LessThan"]);
  });

  test("includes who may sign, the vault, its log, the alerts themselves and the app, by the activity log", () => {
    const operations = alerts.flatMap((alert) => alert.operations ?? []);
    assert.equal(new Set(operations).size, operations.length);
    for (const operation of operations) {
      assert.match(operation, /^Microsoft\.\w+(\/\w+)+\/(write|delete|action)$/);
    }
    for (const needed of [
      "Microsoft.Authorization/roleAssignments/write",
      "Microsoft.KeyVault/vaults/write",
      "Microsoft.KeyVault/vaults/delete",
      "Microsoft.Insights/diagnosticSettings/write",
      "Microsoft.Insights/diagnosticSettings/delete",
      "Microsoft.Insights/scheduledQueryRules/write",
      "Microsoft.Insights/scheduledQueryRules/delete",
      "Microsoft.Insights/activityLogAlerts/delete",
      "Microsoft.Web/sites/config/write",
    ]) {
      assert.ok(operations.includes(needed), needed);
    }
  });
});

describe("the checks", () => {
  const alert = logAlerts.find(({ id }) => id === "foreign-signer") as AlertDefinition;
  const query = queryOf(alert);
  const seeded: [fault: string, alert: AlertDefinition, query: string, expected: RegExp][] = [
    ["a dimension that the query has not", { ...alert, dimensions: ["Kee"] }, query, /Kee/],
    ["a dimension that is a number", { ...alert, dimensions: ["Occurrences"] }, query, /no text column/],
    ["a measure that the query has not", { ...alert, measure: "Occurences" }, query, /no numeric column/],
    ["a measure that is text", { ...alert, measure: "Key" }, query, /no numeric column/],
    ["a misspelt column", alert, query.replace("HttpStatusCode", "HttpStatus"), /HttpStatus'/],
    ["a span that a late row slips through", alert, query.replace("ago(20m)", "ago(5m)"), /looks back 5 minutes/],
    ["a span that a rule cannot have", alert, query.replace("ago(20m)", "ago(3d)"), /further/],
    ["no span at all", alert, query.replace(/\| where ingestion_time.*\n/, ""), /looks back/],
    ["another vault's rows", alert, query.replace(/\| where _ResourceId.*\n/, ""), /beyond our own/],
    ["a placeholder that nothing fills", alert, query.replace("<signing", "<sining"), /nothing is put in/],
    ["times in the result", alert, query.replace(/by Key, /, "by bin(TimeGenerated, 5m), Key, "), /TimeGenerated/],
    ["a threshold that is no number", { ...alert, threshold: 0.5 }, query, /threshold/],
  ];
  for (const [fault, ...given] of seeded) {
    const [faulty, text, expected] = given;
    test(`find ${fault}`, () => {
      assert.match(problemsOf(faulty, text, everyMinutes(alert)).join("\n"), expected);
    });
  }

  test("find nothing in what they are seeded into", () => {
    assert.deepEqual(problemsOf(alert, query, everyMinutes(alert)), []);
  });

  test("do not take a file that is no Bicep, nor an expression for a value", () => {
    const read = (text: string) => literalVariable(parseBicep("a.bicep", text), "a");
    assert.throws(() => read("var a = {\n  b: 'c'\n"), SyntaxError);
    assert.throws(() => read("var b = 1\n"), TypeError);
    assert.deepEqual(JSON.parse(JSON.stringify(read("var a = {\n  b: 'c'\n  d: e.f\n  j: [1, true]\n}\n"))), {
      b: "c",
      d: { text: "e.f" },
      j: [1, true],
    });
  });
});
