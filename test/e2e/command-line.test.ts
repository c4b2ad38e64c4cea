import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describeStack } from "../../local/stack/describe-stack.ts";
import * as world from "../../local/stack/world.ts";
import { runEntry, runKeyhold } from "../support/run-keyhold.ts";
import { askToken, settledLedgerRows, testStack } from "../support/test-stack.ts";

/** The built command line against real parts: Azurite, the vault, Graph, and an instance that reads the same policy. */
const stack = await testStack({ startFunctions: false });
const container = stack.storage.blobs.getContainerClient(world.policyContainer);
const blob = container.getBlockBlobClient("policy.json");
const text = `${JSON.stringify(world.policyOf(stack.key, stack.publisher), undefined, 2)}\n`;
await blob.upload(text, Buffer.byteLength(text));
const blobUrl = `https://${world.storageAccount}.blob.core.windows.net/${world.policyContainer}/policy.json`;
const settings = { KEYHOLD_POLICY_FILE: "", KEYHOLD_POLICY_BLOB_URL: blobUrl };
stack.functions = await stack.addInstance(stack.ports, settings);
const operator = {
  name: "keyhold-operator",
  clientId: "50000000-0000-4000-8000-000000000099",
  objectId: "60000000-0000-4000-8000-000000000099",
};
const appRoles = { "https://graph.microsoft.com": ["Application.ReadWrite.All"] };
stack.entra.registerManagedIdentity({ ...operator, appRoles });
stack.keyVault.assignments.push({ objectId: operator.objectId, actions: ["read", "create", "sign"] });
const keyhold = (...args: string[]) => runKeyhold(stack, ["--operator-identity", operator.clientId, ...args], settings);
const policyText = async () => (await blob.downloadToBuffer()).toString("utf8");

test("the ledger shows by name who got a token", async () => {
  assert.equal((await askToken(stack, world.tenants.contoso.tenantId)).status, 200);
  await settledLedgerRows(stack);
  const { exit, stdout } = await keyhold("ledger", "--caller", "billing-service", "--tenant", "contoso", "--json");
  const rows = JSON.parse(stdout) as Record<string, string>[];
  assert.equal(exit, 0);
  assert.deepEqual(
    rows.map(({ caller, tenant, client, outcome }) => [caller, tenant, client, outcome]),
    [["billing-service", "contoso", "orders-app", "issued"]],
  );
});

const suspensions = async () => {
  const read = await container.getBlockBlobClient("policy.suspensions.json").downloadToBuffer();
  return (JSON.parse(read.toString("utf8")) as { suspensions: { id: string; by: string }[] }).suspensions;
};

test("a tenant is suspended while the policy is not JSON, and the output names the operator and the valid tokens", async () => {
  await blob.upload("{", 1);
  const { contoso } = world.tenants;
  const { exit, stdout, stderr } = await keyhold("tenant", "suspend", contoso.tenantId);
  assert.equal(exit, 0, stderr);
  assert.match(stdout, /Already issued: 1 token, which cannot be revoked\. The last expires at 20/);
  assert.deepEqual(
    (await suspensions()).map(({ id, by }) => [id, by.includes(operator.objectId)]),
    [[contoso.tenantId, true]],
  );
  await blob.upload(text, Buffer.byteLength(text));
  assert.equal((await keyhold("tenant", "resume", "contoso")).exit, 0);
  assert.deepEqual(await suspensions(), []);
  assert.equal(await policyText(), text);
});

test("of several concurrent suspensions all succeed, and each one is written", async () => {
  const answers = await Promise.all(
    ["contoso", "fabrikam", "contoso", "fabrikam"].map((tenant) => keyhold("tenant", "suspend", tenant)),
  );
  assert.deepEqual(
    answers.map(({ exit, stderr }) => exit || stderr),
    ["", "", "", ""],
  );
  const ids = (await suspensions()).map(({ id }) => id);
  assert.deepEqual(ids.sort(), [world.tenants.contoso.tenantId, world.tenants.fabrikam.tenantId]);
  for (const tenant of ["contoso", "fabrikam"]) await keyhold("tenant", "resume", tenant);
});

test("a customer is added and gets a first token for a named caller, and the token is never shown", async () => {
  const { contoso, fabrikam } = world.tenants;
  const check = ["--client", world.client.name, "--caller", world.callers.billing.name, "--scope", world.scopes.graph];
  const identity = ["--first-token", "--caller-identity", world.callers.billing.clientId];
  const { exit, stdout, stderr } = await keyhold(
    ...["tenant", "add", contoso.tenantId, "--name", "contoso", ...check, ...identity],
  );
  assert.equal(exit, 0, stderr);
  assert.match(stdout, /First token: issued, valid for \d+ min\. It was not stored\.$/m);
  assert.doesNotMatch(stdout + stderr, /eyJ/);
  const waiting = await keyhold("tenant", "add", fabrikam.tenantId, "--name", "fabrikam", ...check, ...identity);
  assert.equal(waiting.exit, 1, "it has not consented");
  assert.match(
    waiting.stdout,
    new RegExp(`${fabrikam.tenantId}/adminconsent[\\s\\S]*First token: none, 4\\d\\d .*consent`),
  );
});

test("a policy is edited and published in the blob, only over the version that was read", async () => {
  const id = "60000000-0000-4000-8000-000000000077";
  assert.equal((await keyhold("caller", "add", id, "--name", "Prüfdienst")).exit, 0);
  const grant = ["grant", "add", "--caller", "Prüfdienst", "--client", world.client.name, "--tenant", "contoso"];
  assert.match(
    (await keyhold(...grant, "--scope", world.scopes.graph)).stdout,
    /\+ Prüfdienst as orders-app: .* in contoso/,
  );
  const [file, before] = [join(stack.folder, "next.json"), join(stack.folder, "before.json")];
  await writeFile(file, text);
  await writeFile(before, text);
  const refused = await keyhold("policy", "publish", file, "--expect", before);
  assert.match(refused.stderr, /not the expected one/);
  await writeFile(before, await policyText());
  const { exit, stdout } = await keyhold("policy", "publish", file, "--expect", before);
  assert.equal(exit, 0);
  assert.match(stdout, /- caller Prüfdienst\n- Prüfdienst as orders-app: .*\n0 rights gained, 1 lost/);
  assert.equal(await policyText(), text);
});

test("a certificate is created for a new version of the key, registered, appended, and promoted by its canary", async () => {
  const file = join(stack.folder, "new.pem");
  const args = ["--client", world.client.name, "--new-version", "--register", "--policy", "--out", file];
  const { exit, stderr } = await keyhold("client", "add-certificate", ...args);
  assert.equal(exit, 0, stderr);
  const certificate = new X509Certificate(await readFile(file));
  assert.ok(certificate.verify(certificate.publicKey));
  const [, requestId = ""] = /request ([0-9a-f-]{36})/.exec(stderr) ?? [];
  const signature = stack.keyVault.audit.find(({ CorrelationId }) => CorrelationId === requestId);
  assert.equal(signature?.OperationName, "KeySign");
  assert.equal(signature?.Identity.claim.oid, operator.objectId);
  assert.match(stderr, /foreign_identity/);
  // An instance reads the policy again by itself within a minute; one that starts now reads it at once.
  await stack.functions.stop();
  stack.functions = await stack.addInstance(stack.ports, settings);
  const url = `${stack.functions.httpUrl}/admin/functions/checkCredentials?wait=true`;
  assert.equal((await fetch(url, { method: "POST", body: "{}" })).status, 200);
  const status = await keyhold("credentials", "status", "--json");
  const certificates = JSON.parse(status.stdout) as { client: string; thumbprint: string; state: string }[];
  const thumbprint = certificate.fingerprint.replaceAll(":", "");
  assert.deepEqual(
    certificates
      .filter(({ client }) => client === world.client.name)
      .map((each) => [each.thumbprint === thumbprint, each.state]),
    [
      [false, "retiring"],
      [true, "active"],
    ],
  );
  // The app signs too, in its own time.
  const signs = () =>
    stack.keyVault.audit.filter(
      (row) => row.OperationName === "KeySign" && row.Identity.claim.oid === operator.objectId,
    ).length;
  const before = signs();
  const again = await keyhold("client", "add-certificate", "--client", world.client.name, "--out", file);
  assert.deepEqual(
    [again.exit, /name a new file/.test(again.stderr)],
    [1, true],
    "a file that is there is not overwritten",
  );
  assert.equal(signs(), before, "nor is anything signed for it");
});

test("an operator without the vault's rights gets a list of the missing ones", async () => {
  const { assignments } = stack.keyVault;
  const [removed] = assignments.splice(
    assignments.findIndex(({ objectId }) => objectId === operator.objectId),
    1,
  );
  const { exit, stderr } = await keyhold("client", "add-certificate", "--client", world.client.name);
  if (removed) assignments.push(removed);
  assert.equal(exit, 3);
  assert.match(stderr, /The vault refused it \(RestError 403\)[\s\S]*keys\/sign/);
  assert.doesNotMatch(stderr, /https:/);
});

test("the command line of a clone finds the running stack, with its certificates and names", async (t) => {
  await writeFile(join(stack.folder, "stack.json"), JSON.stringify(describeStack(stack)));
  const { exit, stdout, stderr } = await runEntry(["metadata", "status"], { LOCAL_FOLDER: stack.folder });
  t.diagnostic(stderr);
  assert.ok(exit === 0 || exit === 1, stderr);
  assert.match(stdout, new RegExp(world.homeTenantId));
});

test("without a stack and without settings one line says how to connect: the stack, or a deployment's settings", async () => {
  const folder = await mkdtemp(join(tmpdir(), "keyhold-cli-"));
  after(() => rm(folder, { recursive: true, force: true }));
  const { exit, stderr } = await runEntry(["policy", "check"], { LOCAL_FOLDER: folder });
  assert.equal(exit, 2);
  assert.match(
    stderr,
    /^error: Keyhold is not connected: .*npm start.*docs\/operate\/cli\.md#settings-and-identity.*\n$/,
  );
});

test("a deployment's settings in the environment take precedence over a running stack", async () => {
  const env = { LOCAL_FOLDER: stack.folder, KEYHOLD_CLOUD: "public" };
  assert.equal((await runEntry(["policy", "check"], env)).exit, 2);
});

test("an output that cannot be written is exit code 1 with a message, and one that is not read to its end is success", async () => {
  const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
  const run = promisify(execFile);
  const shell = (redirect: string) =>
    run("bash", ["-c", `"$NODE" "$CLI" --help ${redirect}; echo "exit \${PIPESTATUS[0]}" >&2`], {
      env: { ...process.env, NODE: process.execPath, CLI: cli },
    });
  assert.match((await shell("> /dev/full")).stderr, /^error: .* \(ENOSPC\)\nwhere: .*\nremedy: .*\nexit 1$/m);
  assert.equal((await shell("| true")).stderr, "exit 0\n");
  assert.equal((await shell("| head -1")).stderr, "exit 0\n");
});
