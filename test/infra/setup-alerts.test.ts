/** The table of docs/operate/deploy.md that says which alerts fire during set-up, against the rules themselves. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { evaluateAll } from "../../local/drills/alerts/drill.ts";
import { sample } from "../../local/drills/alerts/rules.ts";
import { healthyWorkspace, stranger, type Workspace } from "../../local/drills/alerts/workspace.ts";

const nowMs = Date.UTC(2026, 0, 31, 12);
const roleAssignment = "Microsoft.Authorization/roleAssignments/write";
const operator = stranger;

/** What each row's step leaves in the workspace, once for each variant that the row names. */
const steps: Record<string, ((it: Workspace) => Workspace)[]> = {
  "each `azd provision`": [(it) => it.activity("Microsoft.Resources/deployments/write", sample.deployer)],
  "each `azd deploy`": [(it) => it.blob(sample.hostAccount, "app-package/released.zip", "PutBlob", sample.storage)],
  "roles of sections 4 and 6": [
    (it) => it.activity(roleAssignment, sample.deployer),
    (it) => it.activity(roleAssignment, operator),
  ],
  "certificates of section 5": [
    (it) => it.vault(3, "KeyGet", { caller: operator }).vault(3, "KeySign", { caller: operator }),
    (it) =>
      it.event(2, {
        ...{ event: "sign_audit_finding", isNew: true, id: "f", finding: "foreign_identity", severity: 0, timeMs: 1 },
        ...{ keyName: "billing", callerObjectId: operator, callerAddress: "203.0.113.9" },
      }),
  ],
  "each upload of the policy": [(it) => it.blob(sample.dataAccount, "policy/policy.json", "PutBlob", operator)],
  "while no code is deployed: after 1, 2.5 and 3 hours": [
    (it) => it.without("AppEvents", () => true).without("AZKVAuditLogs", () => true),
  ],
};

const page = readFileSync(new URL("../../docs/operate/deploy.md", import.meta.url), "utf8");
const [, table = ""] = /^## Which alerts fire during the setup$([\s\S]*?)^## /m.exec(page) ?? [];
const rows = [...table.matchAll(/^\| (?!cause|-)(.+?) \| (.+) \|$/gm)].map(([, when = "", cell = ""]) => ({
  when,
  alerts: [...cell.matchAll(/runbook\.md#([\w-]+)/g)].map(([, alert = ""]) => alert),
}));

/** Fired by Azure from the activity log itself, not by a rule with a query: mails.test.ts counts it. */
const statelessAlert = "watch-changed";

describe("during set-up", () => {
  test("every step that can raise an alert is in the table", () => {
    assert.deepEqual(rows.map(({ when }) => when).sort(), Object.keys(steps).sort());
  });

  for (const { when, alerts } of rows) {
    test(`${when}: the alerts that the table names fire, and no other`, () => {
      const fired = (steps[when] ?? []).flatMap((play) => evaluateAll(play(healthyWorkspace(nowMs))));
      const names = [...new Set(fired.map(({ alert }) => alert))];
      assert.deepEqual(names.sort(), alerts.filter((alert) => alert !== statelessAlert).sort());
    });
  }
});
