import assert from "node:assert/strict";
import { test } from "node:test";
import type { RestRequest } from "../../../src/cli/rest.ts";
import { stopReport } from "../../../src/cli/stop/command.ts";
import { NotReadable, type StopOptions, stopSigning } from "../../../src/cli/stop/stop-signing.ts";
import { createCliWorld } from "./cli-world.ts";

const group = "/subscriptions/1/resourceGroups/rg";
const vaultId = `${group}/providers/Microsoft.KeyVault/vaults/v`;
const signer = "90000000-0000-4000-8000-000000000001";
const managementUrl = "https://management.azure.com";
const connection = `${vaultId}/privateEndpointConnections/pe`;

/** Azure Resource Manager with the roles of an identity on two keys; `answers` replaces the status of a write. */
function fakeArm({ extra = [] as string[], answers = {} as Record<string, number>, pages = false } = {}) {
  const written: string[] = [];
  const scopes = [`${vaultId}/keys/billing`, `${vaultId.toUpperCase()}/keys/publisher`, ...extra];
  const rows = scopes.map((scope, index) => ({
    id: `${scope}/providers/Microsoft.Authorization/roleAssignments/${index}`,
    properties: { scope, principalId: signer },
  }));
  const others = { id: "/x", properties: { scope: vaultId, principalId: "90000000-0000-4000-8000-000000000009" } };
  const arm = async ({ method, url, body }: RestRequest) => {
    const answer = (status: number, json: unknown = {}) => ({ status, headers: new Headers(), body: json });
    if (method !== "GET") {
      written.push(`${method} ${new URL(url).pathname} ${JSON.stringify(body ?? "")}`);
      return answer(answers[url.split("?")[0]?.split("/").at(-1) ?? ""] ?? 200);
    }
    if (!url.includes("roleAssignments")) {
      return answer(200, { properties: { privateEndpointConnections: [{ id: connection }] } });
    }
    const next = `${managementUrl}${vaultId}/providers/Microsoft.Authorization/roleAssignments?page=2`;
    if (pages && url !== next) return answer(200, { value: [rows[0], others], nextLink: next });
    return answer(200, { value: pages ? rows.slice(1) : [...rows, others] });
  };
  return { arm, written };
}

const options: StopOptions = { managementUrl, vaultId, signerObjectId: signer, cutNetwork: false, acts: true };

test("every role of the signing identity on the vault and its keys is deleted, and nobody else's", async () => {
  for (const pages of [false, true]) {
    const { arm, written } = fakeArm({ pages });
    const steps = await stopSigning(arm, options);
    assert.deepEqual(
      steps.map(({ what, state }) => [what, state]),
      [
        ["role assignment roleAssignments/0 on keys/billing", "done"],
        ["role assignment roleAssignments/1 on keys/publisher", "done"],
      ],
    );
    assert.equal(written.length, 2);
    assert.ok(written.every((line) => line.startsWith("DELETE ")));
    assert.equal(stopReport(steps, true).exit, 0);
  }
});

test("without --yes nothing is written, and it says what would be", async () => {
  const { arm, written } = fakeArm();
  const steps = await stopSigning(arm, { ...options, acts: false, cutNetwork: true });
  assert.deepEqual(written, []);
  const { text = "", exit } = stopReport(steps, false);
  assert.match(
    text,
    /^would delete: role assignment .*\n.*\nwould reject: private endpoint connection .*\nDry run: nothing was changed\. To do it, repeat the command with --yes\./,
  );
  assert.equal(exit, 0);
});

test("with --cut-network the vault's private endpoint connections are rejected", async () => {
  const { arm, written } = fakeArm();
  const steps = await stopSigning(arm, { ...options, cutNetwork: true });
  assert.match(
    stopReport(steps, true).text ?? "",
    /^deleted: role .*\n.*\nrejected: private endpoint connection .*\nStopped\./,
  );
  assert.match(written.at(-1) ?? "", /^PUT .*\/privateEndpointConnections\/pe \{.*"status":"Rejected"/);
});

test("a role above the vault is not touched, and is reported: the identity can still sign", async () => {
  const { arm, written } = fakeArm({ extra: [group] });
  const steps = await stopSigning(arm, options);
  assert.equal(steps.at(-1)?.state, "kept");
  assert.equal(written.length, 2);
  const { text = "", exit } = stopReport(steps, true);
  assert.match(text, /NOT deleted by this command: .*resourceGroups\/rg, above the vault\nThe identity can still sign/);
  assert.equal(exit, 1);
});

test("a vault whose name begins the same is another vault", async () => {
  const { arm } = fakeArm({ extra: [`${vaultId}2/keys/k`] });
  assert.equal((await stopSigning(arm, options)).at(-1)?.state, "kept");
});

test("what cannot be deleted does not keep the rest from being deleted", async () => {
  const { arm, written } = fakeArm({ answers: { 0: 403 } });
  const steps = await stopSigning(arm, options);
  assert.deepEqual(
    steps.map(({ state, status }) => [state, status]),
    [
      ["failed", 403],
      ["done", undefined],
    ],
  );
  assert.equal(written.length, 2);
  assert.match(
    stopReport(steps, true).text ?? "",
    /NOT deleted: role assignment .* \(Azure Resource Manager answered 403\)/,
  );
});

test("an identity without a role on the vault cannot sign, which is said", async () => {
  const none = async () => ({ status: 200, headers: new Headers(), body: { value: [] } });
  assert.match(stopReport(await stopSigning(none, options), true).text ?? "", /no role on the vault/);
});

test("where Azure does not say what there is, nothing is done", async () => {
  for (const [status, body] of [
    [403, {}],
    [200, { value: "?" }],
  ] as const) {
    const arm = async () => ({ status, headers: new Headers(), body });
    await assert.rejects(stopSigning(arm, options), (error) => error instanceof NotReadable && error.status === status);
  }
});

test("a next page elsewhere is not asked for", async () => {
  const asked: string[] = [];
  const arm = async ({ url }: RestRequest) => {
    asked.push(url);
    return { status: 200, headers: new Headers(), body: { value: [], nextLink: "https://evil.example/x" } };
  };
  await stopSigning(arm, options);
  assert.equal(asked.length, 1);
});

test("a vault that is no ARM id and an identity that is no GUID are usage errors, without any settings", async () => {
  for (const [vault, identity] of [
    ["keyhold", signer],
    [vaultId, "signing"],
  ] as const) {
    const world = createCliWorld();
    world.connect = () => assert.fail("no settings are needed");
    const { exit, err } = await world.run("stop", "--yes", "--vault", vault, "--identity", identity);
    assert.equal(exit, 2);
    assert.match(err, /--vault|--identity/);
  }
});
