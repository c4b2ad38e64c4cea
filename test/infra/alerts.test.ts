import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { problemsOf } from "./alert-checks.ts";
import { type AlertDefinition, alerts, logAlerts } from "./alert-definitions.ts";
import { deployed, queries } from "./queries.ts";

const queryOf = ({ id }: AlertDefinition) => queries.get(`alert-${id}.kql`) ?? "";
const everyMinutes = (alert: AlertDefinition) => alert.everyMinutes ?? 0;
/** The sample's own ids, in the place of those that the text in the repository is checked with. */
const ownIds = /"\/subscriptions\/[^"]+"/g;

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
});

describe("every log alert", () => {
  for (const alert of logAlerts) {
    test(`${alert.id} asks the query of its name, which has what the rule looks at`, () => {
      assert.equal(alert.query?.replaceAll(ownIds, "id"), deployed(queryOf(alert)).replaceAll(ownIds, "id"));
      assert.deepEqual(problemsOf(alert, queryOf(alert), everyMinutes(alert)), []);
    });
  }

  test("and only they have a query of that kind", () => {
    const files = [...queries.keys()].filter((name) => name.startsWith("alert-"));
    assert.deepEqual(files.sort(), logAlerts.map(({ id }) => `alert-${id}.kql`).sort());
  });

  test("is evaluated every five minutes if it wakes somebody", () => {
    for (const { id, severity, everyMinutes } of logAlerts) assert.equal(everyMinutes, severity < 2 ? 5 : 15, id);
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

  test("is asked of the vault's own log and of nothing else", () => {
    assert.deepEqual(independent.map(({ id }) => id).sort(), [
      "foreign-operation",
      "foreign-signer",
      "refused-operation",
      "refused-sign",
      "sensitive-operation",
      "sign-hard-cap",
    ]);
  });

  test("takes a row without a status for one that succeeded", () => {
    for (const alert of independent) {
      if (alert.id.startsWith("refused")) continue;
      assert.match(queryOf(alert), /coalesce\(HttpStatusCode, 0\) < 300/, alert.id);
    }
  });

  test("includes the rate above and below, by the vault's metric", () => {
    const metric = alerts.filter(({ source }) => source === "metric");
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
});
