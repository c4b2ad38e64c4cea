/** Replays what a deployment does, as Azure's activity log has it, through every rule, and counts the mails. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { evaluateAll } from "../../local/drills/alerts/drill.ts";
import { logRules, sample } from "../../local/drills/alerts/rules.ts";
import { healthyWorkspace, stranger } from "../../local/drills/alerts/workspace.ts";
import { activityAlerts } from "./alert-definitions.ts";
import { type Resource, resources } from "./templates.ts";

const nowMs = Date.UTC(2026, 0, 31, 12);

interface Operation {
  name: string;
  resourceId: string;
}
type Condition = { field?: string; equals?: string; allOf?: Condition[]; anyOf?: Condition[] };

/** A deployment writes every resource of the template, and the deployment itself. */
const provision: readonly Operation[] = [
  ...resources.map(({ type, id }) => ({ name: `${type}/write`, resourceId: id })),
  {
    name: "Microsoft.Resources/deployments/write",
    resourceId: `${sample.groupId}/providers/Microsoft.Resources/deployments/d`,
  },
];

/** An alert on the activity log has no state: each operation that matches is a mail. */
function matches(condition: Condition, operation: Operation): boolean {
  const { allOf, anyOf, field = "", equals = "" } = condition;
  if (allOf) return allOf.every((each) => matches(each, operation));
  if (anyOf) return anyOf.some((each) => matches(each, operation));
  const facts: Readonly<Record<string, string>> = {
    ...{ category: "Administrative", status: "Succeeded" },
    ...{ operationName: operation.name, resourceId: operation.resourceId },
  };
  return facts[field]?.toLowerCase() === equals.toLowerCase();
}

function mailsOfActivityAlerts(
  operations: readonly Operation[],
  rules: readonly Resource[] = activityAlerts,
): string[] {
  return rules.flatMap(({ name, properties }) =>
    operations
      .filter(({ resourceId }) => properties.scopes.some((scope: string) => resourceId.startsWith(scope)))
      .filter((operation) => matches(properties.condition, operation))
      .map((operation) => `${name}: ${operation.name}`),
  );
}

/** A rule with state mails twice, when its alert fires and when it resolves; one without, once. */
function mailsOfLogRules(operations: readonly Operation[], caller: string): string[] {
  const workspace = healthyWorkspace(nowMs);
  for (const { name, resourceId } of operations) workspace.activity(name, caller, resourceId);
  return evaluateAll(workspace).flatMap(({ rule, alert }) => {
    const isStateful = logRules.find(({ id }) => id === rule)?.isStateful;
    return isStateful ? [`${alert} fired`, `${alert} resolved`] : [alert];
  });
}

describe("a deployment", () => {
  test("writes every kind of resource that an alert watches", () => {
    const types = new Set(provision.map(({ name }) => name));
    for (const type of [
      "Authorization/roleAssignments",
      "KeyVault/vaults",
      "Insights/scheduledQueryRules",
      "Web/sites",
    ])
      assert.ok(types.has(`Microsoft.${type}/write`), type);
  });

  test("by the identity that deploys sends three mails at most", () => {
    assert.deepEqual([...mailsOfActivityAlerts(provision), ...mailsOfLogRules(provision, sample.deployer)].sort(), [
      "deployed",
      "keyhold-sample-watch-changed: Microsoft.Insights/diagnosticSettings/write",
      "keyhold-sample-watch-changed: Microsoft.Insights/scheduledQueryRules/write",
    ]);
  });

  test("by anybody else is an alert of everything that it changes", () => {
    const fired = new Set(mailsOfLogRules(provision, stranger).map((mail) => mail.split(" ")[0]));
    const expected = ["access-changed", "alerts-changed", "app-changed", "log-cut-off", "protection-changed"];
    assert.deepEqual([...fired].sort(), [...expected, "storage-changed", "vault-changed"]);
  });

  test("that an alert on every write would report would send far more: the count finds it", () => {
    const [rule] = activityAlerts;
    assert.ok(rule);
    const everyWrite = { allOf: [{ field: "category", equals: "Administrative" }] };
    const seeded = { ...rule, properties: { ...rule.properties, condition: everyWrite } };
    assert.ok(mailsOfActivityAlerts(provision, [seeded]).length > 50);
  });
});
