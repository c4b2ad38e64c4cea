/**
 * The life of the publisher by commands alone, against the vault: its first certificate, the next one, the switch, the
 * switch back and the end of the old one. A relying party's updater uses the output of `keyhold publisher
 * certificates`.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { requirementsOf, updaterPackages } from "../../local/relying-parties/debian-packages.ts";
import * as world from "../../local/stack/world.ts";
import { skipWithout } from "../support/requirements.ts";
import { runKeyhold } from "../support/run-keyhold.ts";
import { runTimer, testStack } from "../support/test-stack.ts";
import { runUpdater } from "./relying-parties/fixtures/updater.ts";

const skip = skipWithout(...requirementsOf(updaterPackages));
const stack = await testStack({ startFunctions: false });
const { publisher: _, ...policy } = world.policyOf(stack.key, stack.publisher);
await writeFile(stack.policyFile, JSON.stringify(policy));
stack.functions = await stack.addInstance(stack.ports);
const keyName = "idp-publisher";
// As the deployment does it: Keyhold may sign with this key, and only that.
stack.keyVault.assignments.push({ objectId: world.identities.signing.objectId, keyName, actions: ["sign"] });

const keyhold = (...args: string[]) => runKeyhold(stack, ["--operator-identity", world.operator.clientId, ...args]);
const { tenantId } = world.tenants.contoso;
const url = `${stack.functions.httpsUrl}/${tenantId}/federationmetadata/2007-06/idp.xml`;
const derOf = (pem: string) => new X509Certificate(pem).raw.toString("base64");

/** What the app does by itself twice a minute. */
async function checkMetadata(): Promise<void> {
  const check = `${stack.functions.httpUrl}/admin/functions/checkMetadata?wait=true`;
  assert.ok((await fetch(check, { method: "POST", body: "{}" })).ok);
}
async function published(): Promise<string> {
  await checkMetadata();
  const response = await fetch(url);
  assert.equal(response.status, 200);
  return response.text();
}
const signatures = (objectId: string) =>
  stack.keyVault.audit.filter(
    ({ OperationName, Id, Identity }) =>
      OperationName === "KeySign" && Id.includes(keyName) && Identity.claim.oid === objectId,
  );
async function addCertificate(file: string, ...args: string[]): Promise<string> {
  const path = join(stack.folder, file);
  const { exit, stderr } = await keyhold(
    ...["publisher", "add-certificate", "--new-version", "--policy", "--out", path, ...args],
  );
  assert.equal(exit, 0, stderr);
  assert.match(stderr, /foreign_identity/);
  const pem = await readFile(path, "utf8");
  const certificate = new X509Certificate(pem);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.match(certificate.subject, /CN=Keyhold publisher/);
  return pem;
}
/** Each with its state, as relying parties are given them. */
async function certificates(): Promise<[pem: string, state: string][]> {
  const { exit, stdout, stderr } = await keyhold("publisher", "certificates", "--json");
  assert.equal(exit, 0, stderr);
  const listed = JSON.parse(stdout) as { certificate: string; state: string }[];
  return listed.map(({ certificate, state }) => [derOf(certificate), state]);
}
async function update(publisherCert: string): Promise<number> {
  const settings = { url, "ca-file": stack.authority.certificateFile, target: join(stack.folder, "idp.xml") };
  const entityId = `https://sts.windows.net/${tenantId}/`;
  return (await runUpdater({ ...settings, "entity-id": entityId, "publisher-cert": publisherCert })).code;
}

let [first, next] = ["", ""];
const relyingParty = join(stack.folder, "publishers.pem");

test("without a publisher there is no idp.xml, and nothing is signed for it", async () => {
  await runTimer(stack.functions, "refreshMetadata");
  await checkMetadata();
  assert.equal((await fetch(url)).status, 503);
  assert.match((await keyhold("publisher", "certificates")).stderr, /no such certificate/);
});

test("a key of a client, or an operator without the vault's rights, creates no certificate and changes no policy", async () => {
  const before = await readFile(stack.policyFile, "utf8");
  const ofClient = await keyhold("publisher", "add-certificate", "--key", world.client.keyName, "--policy");
  assert.deepEqual([ofClient.exit, /is a client's/.test(ofClient.stderr)], [2, true]);
  const { assignments } = stack.keyVault;
  const index = assignments.findIndex(({ objectId }) => objectId === world.operator.objectId);
  const removed = assignments.splice(index, 1);
  const refused = await keyhold("publisher", "add-certificate", "--key", keyName, "--new-version", "--policy");
  assignments.push(...removed);
  assert.equal(refused.exit, 3);
  assert.match(refused.stderr, /RestError 403[\s\S]*keys\/sign/);
  assert.equal(signatures(world.operator.objectId).length, 0);
  assert.equal(await readFile(stack.policyFile, "utf8"), before);
});

test("the first certificate is active at once: the operator has the vault sign it, and Keyhold has idp.xml signed", async () => {
  first = await addCertificate("first.pem", "--key", keyName);
  assert.equal(signatures(world.operator.objectId).length, 1);
  assert.deepEqual(await certificates(), [[derOf(first), "active"]]);
  assert.ok((await published()).includes(derOf(first)));
  assert.ok(signatures(world.identities.signing.objectId).length > 0);
});

test("the next certificate is staged: relying parties get both, and it signs nothing", { skip }, async () => {
  const dry = await keyhold("publisher", "add-certificate", "--new-version", "--policy", "--dry-run");
  assert.match(dry.stdout, /^Dry run\. It would:/);
  assert.equal(signatures(world.operator.objectId).length, 1);
  next = await addCertificate("next.pem");
  assert.deepEqual(await certificates(), [
    [derOf(first), "active"],
    [derOf(next), "staged"],
  ]);
  assert.ok((await published()).includes(derOf(first)));
  await writeFile(relyingParty, (await keyhold("publisher", "certificates")).stdout);
  assert.equal(await update(relyingParty), 0);
});

test("activate changes the signer, which only parties with both certificates accept", { skip }, async () => {
  const { exit, stderr } = await keyhold("publisher", "activate");
  assert.equal(exit, 0, stderr);
  assert.deepEqual(await certificates(), [
    [derOf(first), "retiring"],
    [derOf(next), "active"],
  ]);
  assert.ok((await published()).includes(derOf(next)));
  assert.equal(await update(join(stack.folder, "first.pem")), 4, "only the first is known there");
  assert.equal(await update(relyingParty), 0);
});

test("the same command changes back, and forward again", { skip }, async () => {
  const thumbprint = (pem: string) => new X509Certificate(pem).fingerprint.replaceAll(":", "");
  for (const pem of [first, next]) {
    const { exit, stderr } = await keyhold("publisher", "activate", "--certificate", thumbprint(pem).slice(0, 10));
    assert.equal(exit, 0, stderr);
    assert.ok((await published()).includes(derOf(pem)));
    assert.equal(await update(relyingParty), 0);
  }
});

test("a key version that the vault has disabled no longer signs: idp.xml stays, and the next certificate repairs it", {
  skip,
}, async () => {
  const { publisher } = JSON.parse(await readFile(stack.policyFile, "utf8"));
  const [keyId = ""] = publisher.certificates.flatMap((each: { keyId: string; state: string }) =>
    each.state === "active" ? [each.keyId] : [],
  );
  stack.keyVault.setKeyEnabled(keyName, keyId.slice(keyId.lastIndexOf("/") + 1), false);
  await stack.entra.announceKey();
  await runTimer(stack.functions, "refreshMetadata");
  const before = await published();
  assert.ok(before.includes(derOf(next)));
  assert.equal(before.match(/<KeyDescriptor /g)?.length, 1, "the announced key is not in it yet");
  const third = await addCertificate("third.pem");
  assert.equal((await keyhold("publisher", "activate")).exit, 0);
  await stack.passTime(60_000);
  const after = await published();
  assert.ok(after.includes(derOf(third)));
  assert.equal(after.match(/<KeyDescriptor /g)?.length, 2);
});
