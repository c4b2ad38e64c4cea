import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { after, test } from "node:test";
import { prepareAudit, runAuditAsOf } from "../../local/drills/audit-as-of.ts";
import { stealSignature } from "../../local/drills/thief.ts";
import * as world from "../../local/stack/world.ts";
import { documentedCommands, shapeErrors } from "../support/cli-json.ts";
import { type CommandAnswer, runKeyhold } from "../support/run-keyhold.ts";
import { askToken, runTimer, settledLedgerRows, testStack } from "../support/test-stack.ts";

/** The real output of every command with --json, and the shape that docs/reference/cli-json.yaml gives it. */
const stack = await testStack();
const { client, callers, operator, scopes, tenants } = world;
const runTimerOf = (name: string) =>
  fetch(`${stack.functions.httpUrl}/admin/functions/${name}?wait=true`, { method: "POST", body: "{}" });
for (const timer of ["refreshMetadata", "checkCredentials"] as const) await runTimer(stack.functions, timer);
assert.equal((await askToken(stack, tenants.contoso.tenantId)).status, 200);
await settledLedgerRows(stack);

/** The audit has found one signature that no row of the ledger explains. */
const audit = await prepareAudit(
  {
    ...{ settings: stack.settings(stack.ports.https), routes: stack.routes },
    ...{ caFile: stack.authority.certificateFile, control: stack.controlUrl },
  },
  0,
);
const { identityEndpoint, identityHeader } = stack.entra;
const stolen = { identityEndpoint, identityHeader, clientId: world.identities.signing.clientId };
await stealSignature(stolen, `https://localhost:${stack.ports.keyVault}`, stack.key.keyId);
await runAuditAsOf(25 * 60_000, audit);

/** Azure Resource Manager, with one role of the signing identity: the local stack has none of its own. */
const vaultId = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v";
const { certificate: cert, privateKey: key } = await stack.authority.issue(["management.azure.com"]);
/** Rules that were set, by their names. */
const rules = new Map<string, { scopes: string[] }>();
const arm = createServer({ cert, key }, async (request, response) => {
  if (request.method === "PUT") {
    const [, name = ""] = /\/actionRules\/([^?]+)\?api-version=2021-08-08$/.exec(request.url ?? "") ?? [];
    rules.set(name, ((await json(request)) as { properties: { scopes: string[] } }).properties);
    response.writeHead(201, { "content-type": "application/json" }).end("{}");
    return;
  }
  const properties = { scope: vaultId, principalId: world.identities.signing.objectId };
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ value: [{ id: `${vaultId}/providers/roleAssignments/1`, properties }] }));
});
after(() => arm.close());
await once(arm.listen(0, "127.0.0.1"), "listening");
stack.routes["management.azure.com"] = (arm.address() as AddressInfo).port;

const settings = { KEYHOLD_AUDIT_TABLE_URL: audit.settings.KEYHOLD_AUDIT_TABLE_URL ?? "" };
/** Without it `doctor` leaves Azure Resource Manager alone, of which there is too little here. */
const whereVaultIs = { KEYHOLD_VAULT_RESOURCE_ID: vaultId };
const keyhold = (...args: string[]) =>
  runKeyhold(stack, ["--json", "--operator-identity", operator.clientId, ...args], {
    ...settings,
    ...(args[0] === "rotation" && whereVaultIs),
  });
const file = join(stack.folder, "policy-copy.json");
await writeFile(file, await readFile(stack.policyFile));
const newTenant = "40000000-0000-4000-8000-000000000077";
const newId = "30000000-0000-4000-8000-000000000077";
const grant = [
  "--caller",
  callers.visitor.name,
  "--client",
  client.name,
  "--tenant",
  "contoso",
  "--scope",
  scopes.orders,
];
const explained = ["--client", client.name, "--tenant", "contoso", "--scope", scopes.graph];
const federated = ["--identity-client-id", newId, "--identity-object-id", newId];
const firstToken = ["--first-token", "--caller-identity", callers.billing.clientId];
const unhandled = { exit: 0 } as const;

/** Each command as it is called, with the exit code. In this order: some need what an earlier one wrote. */
const calls: [command: string, args: string[], expected?: { exit: number }][] = [
  ["policy check", []],
  ["policy diff", [file]],
  ["explain", ["--caller", callers.billing.name, ...explained]],
  ["explain", ["--caller", newId, "--client", newId, "--tenant", "adatum", "--assertion"], { exit: 1 }],
  ["tenant add", [newTenant, "--name", "litware"]],
  [
    "tenant add",
    [
      tenants.contoso.tenantId,
      "--name",
      "contoso",
      "--caller",
      callers.billing.name,
      ...explained.slice(0, 2),
      ...explained.slice(4),
      ...firstToken,
    ],
  ],
  ["caller add", [newId, "--name", "invoices"]],
  ["client add", [newId, "--name", "reports", ...federated]],
  ["client add", [newId, "--name", "reports", ...federated]],
  ["grant add", grant],
  ["grant remove", grant],
  ["tenant suspend", ["litware", "--reason", "incident"]],
  ["tenant suspend", ["litware"]],
  ["caller suspend", ["invoices"]],
  ["client suspend", ["reports"]],
  ["suspensions", []],
  ["tenant resume", ["litware"]],
  ["caller resume", ["invoices"]],
  ["client resume", ["reports"]],
  ["tenant refresh", ["litware"]],
  ["tenant remove", ["litware"]],
  ["caller remove", ["invoices"]],
  ["client remove", ["reports"]],
  ["policy publish", [file]],
  ["setup", ["--client", "reports-app", "--dry-run"]],
  ["ledger", []],
  ["metadata status", []],
  ["metadata refresh", ["contoso"]],
  ["credentials status", []],
  ["client add-certificate", ["--client", client.name, "--dry-run"]],
  ["client add-certificate", ["--client", client.name]],
  ["publisher add-certificate", ["--new-version", "--policy"]],
  ["publisher certificates", []],
  ["publisher activate", []],
  ["shared-cache create-key", ["--vault", `https://${world.vaultHost}`]],
  ["stop", ["--vault", vaultId, "--identity", world.identities.signing.objectId]],
  ["stop", ["--vault", vaultId, "--identity", world.identities.signing.objectId, "--yes"]],
  ["findings list", [], { exit: 1 }],
  ["rotation announce", ["--operator", operator.objectId, "--key", client.keyName, "--reason", "yearly"]],
  ["rotation announce", ["--operator", operator.objectId, "--key", client.keyName, "--reason", "yearly", "--yes"]],
  ["doctor", []],
];

const called = new Set<string>();

async function check(command: string, answer: CommandAnswer, exit: number): Promise<unknown> {
  called.add(command);
  assert.equal(answer.exit, exit, `${command}: ${answer.stdout}${answer.stderr}`);
  const json: unknown = JSON.parse(answer.stdout);
  assert.deepEqual(shapeErrors(command, json), [], answer.stdout);
  return json;
}

for (const [command, args, { exit } = unhandled] of calls) {
  test(`keyhold ${command} ${args.filter((each) => each.length < 24).join(" ")} prints JSON of the documented shape`, async () => {
    const running = keyhold(...command.split(" "), ...args);
    // The app looks for requests twice a minute: here, at once and until the command has its answer.
    if (command === "metadata refresh") {
      let isRunning = true;
      const ended = running.finally(() => {
        isRunning = false;
      });
      while (isRunning) await Promise.race([runTimerOf("checkMetadata"), ended]);
    }
    await check(command, await running, exit);
  });
}

test("keyhold findings acknowledge prints JSON of the documented shape", async () => {
  const found = (await check("findings list", await keyhold("findings", "list"), 1)) as { id: string }[];
  const ids = found.map(({ id }) => id);
  await check("findings acknowledge", await keyhold("findings", "acknowledge", ...ids, "--reason", "a drill"), 0);
});

test("keyhold rotation announce sets its rule at Azure Resource Manager once, with --yes", () => {
  assert.deepEqual(
    [...rules.values()].map(({ scopes }) => scopes),
    [[vaultId.split("/").slice(0, 5).join("/")]],
  );
});

test("no command is missing", () => {
  assert.deepEqual([...called].sort(), [...documentedCommands].sort());
});
