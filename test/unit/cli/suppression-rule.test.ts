import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commandOf, createSuppressionRule, setRule } from "../../../src/cli/findings/suppression-rule.ts";
import type { RestRequest } from "../../../src/cli/rest.ts";
import type { Announcement } from "../../../src/domain/audit/notes.ts";
import * as ids from "../../support/fixtures/ids.ts";

const announcement: Announcement = {
  ...{ operatorObjectId: ids.contosoId, keyName: "Orders-App", reason: "yearly", by: "anna" },
  ...{ from: "2026-06-01T12:00:00.000Z", to: "2026-06-01T12:30:00.000Z", at: "2026-06-01T12:00:00.000Z" },
};
const vaultId = "/subscriptions/s-1/resourceGroups/g-1/providers/Microsoft.KeyVault/vaults/v";
const rule = createSuppressionRule(announcement, vaultId, "rotation-1");

/** Azure Resource Manager, which answers so. */
function fakeArm(status: number) {
  const requests: RestRequest[] = [];
  const arm = async (request: RestRequest) => {
    requests.push(request);
    return { status, headers: new Headers(), body: {} };
  };
  return { arm, requests };
}

describe("the suppression rule of an announcement", () => {
  test("is put beside the vault, and takes the mails of one alert for that operator and key until an hour after", async () => {
    const { arm, requests } = fakeArm(201);
    assert.equal(await setRule(rule, arm, "https://management.azure.com"), 201);
    const group = "/subscriptions/s-1/resourceGroups/g-1";
    assert.deepEqual(requests, [
      {
        method: "PUT",
        url: `https://management.azure.com${group}/providers/Microsoft.AlertsManagement/actionRules/rotation-1?api-version=2021-08-08`,
        body: {
          location: "Global",
          properties: {
            scopes: [group],
            conditions: [
              { field: "AlertRuleName", operator: "Contains", values: ["vault-0"] },
              {
                ...{ field: "AlertContext", operator: "Contains" },
                values: [`"orders-app"},{"name":"Client","value":"-"},{"name":"Caller","value":"${ids.contosoId}"`],
              },
            ],
            schedule: {
              ...{ effectiveFrom: "2026-06-01T12:00:00", effectiveUntil: "2026-06-01T13:30:00", timeZone: "UTC" },
            },
            actions: [{ actionType: "RemoveAllActionGroups" }],
            description: "keyhold rotation announce",
            enabled: true,
          },
        },
      },
    ]);
  });

  test("is the same as the command that is printed says", () => {
    const command = commandOf(rule);
    assert.match(command, /--name rotation-1 --rule-type RemoveAllActionGroups/);
    assert.ok(command.includes(rule.context));
    assert.match(
      command,
      /--schedule-start-datetime '2026-06-01 12:00:00' --schedule-end-datetime '2026-06-01 13:30:00'$/,
    );
  });
});
