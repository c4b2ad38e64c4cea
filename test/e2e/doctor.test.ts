import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { prepareAudit, runAuditAsOf } from "../../local/drills/audit-as-of.ts";
import type { DataAction } from "../../local/emulators/key-vault/emulator.ts";
import * as world from "../../local/stack/world.ts";
import type { LastKnownGood } from "../../src/domain/metadata/last-known-good.ts";
import { runKeyhold } from "../support/run-keyhold.ts";
import { askToken, settledLedgerRows, testStack } from "../support/test-stack.ts";

/** The built `keyhold doctor` against the whole stack: what holds is green, and what was broken is red, and only that. */
const stack = await testStack();
const { operator } = world;
for (const timer of ["refreshMetadata", "checkCredentials", "recordSignRate"]) {
  const url = `${stack.functions.httpUrl}/admin/functions/${timer}?wait=true`;
  assert.equal((await fetch(url, { method: "POST", body: "{}" })).status, 200);
}
assert.equal((await askToken(stack, world.tenants.contoso.tenantId)).status, 200);
await settledLedgerRows(stack);

interface Line {
  id: string;
  state: "green" | "red" | "grey";
  reason: string;
}

async function examine(args: string[] = [], settings: Record<string, string> = {}) {
  const identity = ["--operator-identity", operator.clientId];
  const { exit, stdout, stderr } = await runKeyhold(stack, [...identity, "doctor", "--json", ...args], settings);
  const { checks } = JSON.parse(stdout) as { checks: Line[] };
  const of = (state: Line["state"]) => checks.filter((line) => line.state === state).map(({ id }) => id);
  return { exit, stderr, checks, of };
}

const azureLines = ["azure/vault", "azure/diagnostics", "azure/alerts", "azure/metric-alert"];

test("everything that can be checked on one machine is green, and the rest is grey with the reason", async (t) => {
  const { exit, checks, of } = await examine();
  t.diagnostic(`${of("green").length} green, ${of("grey").length} grey`);
  assert.deepEqual(of("red"), []);
  assert.deepEqual(of("grey"), ["keys/size", "storage/policy-write", ...azureLines]);
  assert.ok(of("green").length > 30);
  assert.ok(checks.every(({ reason }) => reason.length > 10));
  assert.equal(exit, 0);
});

test("the vault has signed nothing for it", async () => {
  const before = stack.keyVault.audit.length;
  await examine();
  const signs = stack.keyVault.audit.slice(before).filter(({ OperationName }) => OperationName === "KeySign");
  assert.ok(signs.length > 0 && signs.every(({ HttpStatusCode }) => HttpStatusCode >= 400));
});

test("the findings that it announces are exactly those that the audit reports", async () => {
  const environment = {
    ...{ settings: stack.settings(stack.ports.https), routes: stack.routes },
    ...{ caFile: stack.authority.certificateFile, control: stack.controlUrl },
  };
  const own = await prepareAudit(environment, 0);
  await runAuditAsOf(0, own);
  // What the command did before lies in the same window, and refusals are reported by their number.
  stack.keyVault.audit.splice(0);
  const { stderr } = await examine();
  const reported = (await runAuditAsOf(25 * 60_000, own)).filter(
    ({ event, isNew }) => event === "sign_audit_finding" && isNew,
  );
  const counts = Map.groupBy(reported, ({ finding, severity }) => `${finding} ${severity}`);
  const announced = [...stderr.matchAll(/(\w+) \(severity (\d), (\d+) requests?\)/g)].map(
    ([, finding, severity, count]) => [`${finding} ${severity}`, Number(count)],
  );
  assert.equal(announced.length, 3);
  const sums = [...counts].map(([what, list]) => [what, list.reduce((sum, { count }) => sum + Number(count), 0)]);
  assert.deepEqual(announced.sort(), sums.sort());
});

test("with --no-tries the vault's log has no refused request", async () => {
  const before = stack.keyVault.audit.length;
  const { of, stderr } = await examine(["--no-tries"]);
  const refused = stack.keyVault.audit.slice(before).filter(({ HttpStatusCode }) => HttpStatusCode === 403);
  assert.deepEqual(refused, []);
  assert.equal(stderr, "");
  assert.ok(of("grey").includes("vault/signing/backup"));
});

test("an exportable key turns only that line red", async (t) => {
  const { version } = stack.key;
  stack.keyVault.setKeyExportable(world.client.keyName, version, true);
  t.after(() => stack.keyVault.setKeyExportable(world.client.keyName, version, false));
  const { of, exit } = await examine();
  assert.deepEqual(of("red"), ["keys/exportable"]);
  assert.equal(exit, 1);
});

test("a disabled key version turns only the line about signing red", async (t) => {
  stack.keyVault.setKeyEnabled(world.publisher.keyName, stack.publisher.version, false);
  t.after(() => stack.keyVault.setKeyEnabled(world.publisher.keyName, stack.publisher.version, true));
  const { of, checks } = await examine();
  assert.deepEqual(of("red"), ["vault/signing/sign"]);
  assert.match(checks.find(({ id }) => id === "vault/signing/sign")?.reason ?? "", /publisher: 403 KeyDisabled/);
});

/** Adds a right for the length of a test. */
function allow(t: TestContext, objectId: string, actions: DataAction[], keyName?: string): void {
  const assignment = { objectId, actions, ...(keyName === undefined ? {} : { keyName }) };
  stack.keyVault.assignments.push(assignment);
  t.after(() => stack.keyVault.assignments.splice(stack.keyVault.assignments.indexOf(assignment), 1));
}

const wider: [action: DataAction, onKey: boolean, red: string[]][] = [
  ["backup", true, ["vault/signing/backup"]],
  ["release", true, ["vault/signing/release"]],
  ["getSecret", true, ["vault/signing/secret"]],
  ["read", true, ["vault/signing/read"]],
  ["read", false, ["vault/signing/read", "vault/signing/list"]],
  ["create", false, ["vault/signing/create"]],
  ["import", false, ["vault/signing/import"]],
  ["update", false, ["vault/signing/update"]],
  ["delete", false, ["vault/signing/delete"]],
  ["sign", false, ["vault/signing/sign-other"]],
];
for (const [action, onKey, red] of wider) {
  const where = onKey ? "on one key" : "on the whole vault";
  test(`the right "${action}" ${where} for the signing identity turns only ${red.join(" and ")} red`, async (t) => {
    const keys = stack.keyVault.audit.length;
    allow(t, world.identities.signing.objectId, [action], onKey ? world.client.keyName : undefined);
    const { of } = await examine();
    assert.deepEqual(of("red"), red);
    const changed = stack.keyVault.audit
      .slice(keys)
      .filter((row) => row.HttpStatusCode < 300 && /Create|Import|Update|Delete|Sign/.test(row.OperationName));
    assert.deepEqual(changed, [], "nothing was changed or signed, though it was allowed");
  });
}

test("a storage identity that may sign turns only that line red", async (t) => {
  allow(t, world.identities.storage.objectId, ["sign"], world.client.keyName);
  assert.deepEqual((await examine()).of("red"), ["vault/storage/sign"]);
});

test("a signing identity without its role turns only the line about signing red", async (t) => {
  const { assignments } = stack.keyVault;
  const before = [...assignments];
  const kept = before.filter(({ objectId }) => objectId !== world.identities.signing.objectId);
  assignments.splice(0, assignments.length, ...kept);
  t.after(() => assignments.splice(0, assignments.length, ...before));
  assert.deepEqual((await examine()).of("red"), ["vault/signing/sign"]);
});

test("a client secret that was added to the application turns only the line about drift red", async (t) => {
  const control = `${stack.controlUrl}/entra/passwords`;
  const body = JSON.stringify({ clientId: world.client.clientId });
  const { keyId } = (await (await fetch(control, { method: "POST", body })).json()) as { keyId: string };
  t.after(() => fetch(`${control}?clientId=${world.client.clientId}&keyId=${keyId}`, { method: "DELETE" }));
  const { of, checks } = await examine();
  assert.deepEqual(of("red"), [`drift/${world.client.name}`]);
  assert.match(checks.find(({ id }) => id.startsWith("drift/"))?.reason ?? "", /foreign_password/);
});

test("metadata that was not verified for three hours turns only its line red", async (t) => {
  const container = stack.storage.blobs.getContainerClient(world.metadataContainer);
  const blob = container.getBlockBlobClient(`${world.tenants.contoso.tenantId}.json`);
  const text = (await blob.downloadToBuffer()).toString("utf8");
  const upload = (content: string) => blob.upload(content, Buffer.byteLength(content));
  t.after(() => upload(text));
  const known = JSON.parse(text) as LastKnownGood;
  for (const record of [known.federation, known.discovery, known.jwks])
    if (record) record.verifiedAtMs -= 3 * 3_600_000;
  await upload(JSON.stringify(known));
  const { of, checks } = await examine();
  assert.deepEqual(of("red"), [`metadata/${world.tenants.contoso.tenantId}`]);
  assert.match(checks.find(({ state }) => state === "red")?.reason ?? "", /stale: verified 3 h ago/);
});

test("an idp.xml that is no longer valid turns only its line red", async (t) => {
  const container = stack.storage.blobs.getContainerClient(world.metadataContainer);
  const blob = container.getBlockBlobClient(`${world.tenants.contoso.tenantId}.json`);
  const text = (await blob.downloadToBuffer()).toString("utf8");
  const upload = (content: string) => blob.upload(content, Buffer.byteLength(content));
  t.after(() => upload(text));
  const known = JSON.parse(text) as LastKnownGood;
  if (known.idp) known.idp.validUntilMs -= 8 * 86_400_000;
  await upload(JSON.stringify(known));
  const { of, checks } = await examine();
  assert.deepEqual(of("red"), [`idp/${world.tenants.contoso.tenantId}`]);
  assert.match(checks.find(({ state }) => state === "red")?.reason ?? "", /it was valid until/);
});

test("a vault that hangs turns its lines grey after the deadline, and delays no other line", async (t) => {
  stack.keyVault.behaviour.latencyMs = 4_000;
  t.after(() => {
    stack.keyVault.behaviour.latencyMs = 0;
  });
  const { of, checks } = await examine(["--deadline", "1"]);
  assert.deepEqual(of("red"), []);
  assert.match(checks.find(({ id }) => id === "vault/signing/sign")?.reason ?? "", /no answer within 1 s/);
  assert.ok(of("green").includes("audit/run"));
});

test("an answer from another server in the place of Azure Storage proves no right, so the line stays grey", async () => {
  const container = stack.storage.blobs.getContainerClient(world.policyContainer);
  const text = JSON.stringify(world.policyOf(stack.key, stack.publisher));
  await container.getBlockBlobClient("policy.json").upload(text, Buffer.byteLength(text));
  const blobUrl = `https://${world.storageAccount}.blob.core.windows.net/${world.policyContainer}/policy.json`;
  const settings = { KEYHOLD_POLICY_FILE: "", KEYHOLD_POLICY_BLOB_URL: blobUrl };
  const { checks, of } = await examine([], settings);
  assert.deepEqual(of("red"), []);
  const line = checks.find(({ id }) => id === "storage/policy-write");
  assert.match(line?.reason ?? "", /not Azure Storage \(Azurite/);
  assert.equal((await container.getBlockBlobClient("policy.json").downloadToBuffer()).toString("utf8"), text);
});

test("invalid settings are one red line with every problem, and never a value", async () => {
  const { checks, exit } = await examine([], { KEYHOLD_AUDIENCE: "s3cret", KEYHOLD_HOME_TENANT_ID: "none" });
  assert.deepEqual(
    checks.map(({ id, state }) => [id, state]),
    [["settings", "red"]],
  );
  assert.match(checks[0]?.reason ?? "", /KEYHOLD_HOME_TENANT_ID.*KEYHOLD_AUDIENCE/);
  assert.doesNotMatch(JSON.stringify(checks), /s3cret/);
  assert.equal(exit, 1);
});
