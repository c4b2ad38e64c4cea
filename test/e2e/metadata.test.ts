import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { generateSigningKey } from "../../local/emulators/entra/signing-key.ts";
import { requirementsOf, updaterPackages } from "../../local/relying-parties/debian-packages.ts";
import { freePorts } from "../../local/stack/ports.ts";
import * as world from "../../local/stack/world.ts";
import { idpDocument, storedBody } from "../support/fixtures/idp-document.ts";
import { skipWithout } from "../support/requirements.ts";
import { runKeyhold } from "../support/run-keyhold.ts";
import { askToken, settledLedgerRows, testStack, untilWritten } from "../support/test-stack.ts";

const stack = await testStack();
const { tenantId } = world.tenants.contoso;
const base = () => `${stack.functions.httpsUrl}/${tenantId}`;
const federationPath = "federationmetadata/2007-06/federationmetadata.xml";
const idpPath = "federationmetadata/2007-06/idp.xml";
const publications = () =>
  stack.keyVault.audit.filter((row) => row.OperationName === "KeySign" && row.Id.includes(world.publisher.keyName));

async function runTimer(name = "refreshMetadata"): Promise<void> {
  const url = `${stack.functions.httpUrl}/admin/functions/${name}?wait=true`;
  const response = await fetch(url, { method: "POST", body: "{}" });
  assert.equal(response.status, 200);
}

test("before anything is verified nothing is sent: 503 without a body, and 404 for an unknown tenant", async () => {
  await stack.entra.stop();
  const unverified = await fetch(`${base()}/${federationPath}`);
  assert.deepEqual([unverified.status, await unverified.text()], [503, ""]);
  assert.ok(unverified.headers.has("retry-after"));
  await stack.entra.start();
  const unknown = await fetch(`${stack.functions.httpsUrl}/40000000-0000-4000-8000-0000000000ff/${idpPath}`);
  assert.equal(unknown.status, 404);
  assert.match(((await unknown.json()) as { error_description: string }).error_description, /^Keyhold: no metadata/);
});

test("the timer verifies and republishes: federation metadata and keys byte for byte, with a strong ETag and 304", async () => {
  await runTimer();
  for (const path of [federationPath, "discovery/v2.0/keys"]) {
    const genuine = await fetch(`https://localhost:${stack.ports.entra}/${tenantId}/${path}`);
    const published = await fetch(`${base()}/${path}`);
    assert.equal(published.status, 200);
    assert.equal(await published.text(), await genuine.text());
    const etag = published.headers.get("etag") ?? "";
    assert.match(etag, /^"[0-9a-f]{64}"$/);
    assert.match(published.headers.get("cache-control") ?? "", /max-age=\d+/);
    const again = await fetch(`${base()}/${path}`, { headers: { "if-none-match": etag } });
    assert.deepEqual([again.status, await again.text()], [304, ""]);
  }
});

test("HEAD returns the same as GET, with the name ETag spelt as Shibboleth expects it", async () => {
  const url = `${stack.functions.httpUrl}/${tenantId}/${idpPath}`;
  const [head] = (await once(request(url, { method: "HEAD" }).end(), "response")) as [IncomingMessage];
  const names = head.rawHeaders.filter((_, index) => index % 2 === 0);
  for (const name of ["ETag", "Cache-Control", "Content-Type"]) assert.ok(names.includes(name), names.join());
  const get = await fetch(url);
  assert.deepEqual([head.statusCode, head.headers.etag], [get.status, get.headers.get("etag")]);
  assert.equal(await text(head), "");
});

test("idp.xml is signed by the publisher's key, once per change and not per request, with a row in the ledger", async () => {
  const before = publications().length;
  for (let i = 0; i < 20; i++) assert.equal((await fetch(`${base()}/${idpPath}`)).status, 200);
  await runTimer();
  assert.equal(publications().length, before, "nothing changed, nothing signed");
  await stack.entra.announceKey();
  await runTimer();
  assert.equal(publications().length, before + 2, "one for each of the two tenants, none for common");
  const rows = (await settledLedgerRows(stack)).filter((row) => row.purpose === "publication");
  assert.deepEqual(
    rows.map((row) => row.vaultRequestId).sort(),
    publications()
      .map((row) => row.CorrelationId)
      .sort(),
  );
});

test("the relying party's updater accepts idp.xml, with the publisher's certificate as the only trusted signer", async (t) => {
  const missing = skipWithout(...requirementsOf(updaterPackages));
  if (missing) return t.skip(missing);
  const document = await (await fetch(`${base()}/${idpPath}`)).text();
  assert.equal(document.match(/<KeyDescriptor /g)?.length, 2, "each key once");
  assert.match(document, /validUntil="20.+" cacheDuration="PT1H"/);
  const files = { document: join(stack.folder, "idp.xml"), publisher: join(stack.folder, "publisher.pem") };
  await writeFile(files.document, document);
  await writeFile(files.publisher, stack.publisher.certificatePem);
  const updater = fileURLToPath(new URL("../../clients/mellon/keyhold-mellon-update", import.meta.url));
  const check = (certificate: string) => {
    const settings = ["--entity-id", `https://sts.windows.net/${tenantId}/`, "--publisher-cert", certificate];
    return promisify(execFile)("sh", [updater, "--check", files.document, ...settings]);
  };
  await check(files.publisher);
  const other = join(stack.folder, "other.pem");
  await writeFile(other, stack.key.certificatePem);
  await assert.rejects(check(other), { code: 4 });
});

test("a new source is published by the next run of the timer that runs twice a minute, and ready warns until then", async () => {
  const policy = world.policyOf(stack.key, stack.publisher);
  policy.metadata.push({ tenant: world.tenants.fabrikam.tenantId });
  await stack.writePolicy(policy);
  const fresh = await stack.addInstance(await freePorts());
  const ready = async () => {
    const answer = await fetch(`${fresh.httpsUrl}/health/ready`);
    return { code: answer.status, ...((await answer.json()) as { warnings?: Record<string, number> }) };
  };
  // Storage is read beside the answers.
  while ((await ready()).warnings === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(await ready(), {
    ...{ code: 200, status: "ready", checks: { caller_keys: "ok", policy: "ok" } },
    warnings: { metadata_not_published: 1 },
  });
  const before = publications().length;
  for (let i = 0; i < 2; i++) await runTimer("checkMetadata");
  assert.equal(publications().length, before + 1, "what is published costs nothing");
  const document = await fetch(`${stack.functions.httpsUrl}/${world.tenants.fabrikam.tenantId}/${idpPath}`);
  assert.equal(document.status, 200);
});

test("keyhold metadata refresh makes the app fetch now, and reports what changed", async () => {
  const announced = await stack.entra.announceKey();
  const command = runKeyhold(stack, ["metadata", "refresh", "contoso"]);
  let isRunning = true;
  const done = command.finally(() => {
    isRunning = false;
  });
  while (isRunning) await runTimer("checkMetadata");
  const { exit, stdout, stderr } = await done;
  assert.equal(exit, 0, stderr);
  assert.match(stdout, new RegExp(`key ${announced} added\n  idp.xml signed again`));
  const keys = await fetch(`${base()}/discovery/v2.0/keys`);
  assert.ok((await keys.text()).includes(announced));
});

test("a rolled key is fetched for the first token that it signed, and no caller is refused", async () => {
  assert.equal((await askToken(stack, tenantId)).status, 200);
  await stack.entra.replaceAllKeys();
  const answer = await askToken(stack, tenantId, { callerToken: await stack.callerToken("billing") });
  assert.equal(answer.status, 200);
  await untilWritten(stack.functions, /"event":"metadata_keys_replaced"/);
});

test("an idp.xml that an attacker writes to storage raises an alarm, is never served, and is created again", async () => {
  const blob = stack.storage.blobs.getContainerClient(world.metadataContainer).getBlockBlobClient(`${tenantId}.json`);
  const record = JSON.parse((await blob.downloadToBuffer()).toString("utf8"));
  const attacker = await generateSigningKey();
  const content = { entityId: `https://sts.windows.net/${tenantId}/`, validUntilMs: record.idp.validUntilMs };
  const keys = { certificates: [attacker.certificate], signingKey: attacker.privateKey, named: attacker.certificate };
  Object.assign(record.idp, storedBody(await idpDocument({ ...content, ...keys })));
  const text = JSON.stringify(record);
  await blob.upload(text, Buffer.byteLength(text));
  const seen = new Set<number>();
  await stack.passTime(61_000);
  for (let i = 0; i < 100 && !seen.has(503); i++) {
    const response = await fetch(`${base()}/${idpPath}`);
    assert.ok(!(await response.text()).includes(attacker.certificate));
    seen.add(response.status);
  }
  assert.ok(seen.has(503), "it has been read");
  await untilWritten(stack.functions, /"event":"metadata_record_refused".*idp\.xml is not one of the publisher's/);
  await stack.passTime(300_000);
  await runTimer("checkMetadata");
  const repaired = await fetch(`${base()}/${idpPath}`);
  assert.equal(repaired.status, 200);
  assert.ok(!(await repaired.text()).includes(attacker.certificate));
});

test("two instances that refresh at once leave one complete record in storage, and both serve it", async () => {
  const second = await stack.addInstance(await freePorts());
  await stack.entra.announceKey();
  const timer = (httpUrl: string) =>
    fetch(`${httpUrl}/admin/functions/refreshMetadata?wait=true`, { method: "POST", body: "{}" });
  await Promise.all([timer(stack.functions.httpUrl), timer(second.httpUrl)]);
  const published = await Promise.all(
    [stack.functions, second].map(async ({ httpsUrl }) =>
      (await fetch(`${httpsUrl}/${tenantId}/discovery/v2.0/keys`)).text(),
    ),
  );
  assert.equal(published[0], published[1]);
  const blob = stack.storage.blobs.getContainerClient(world.metadataContainer).getBlobClient(`${tenantId}.json`);
  const record = JSON.parse((await blob.downloadToBuffer()).toString());
  assert.equal(Buffer.from(record.jwks.body, "base64").toString(), published[0]);
});

test("a new instance verifies callers from storage while Entra cannot be reached", async () => {
  const callerToken = await stack.callerToken("billing");
  await stack.entra.stop();
  const third = await stack.addInstance(await freePorts());
  const ready = await fetch(`${third.httpsUrl}/health/ready`);
  const answer = await askToken(stack, world.tenants.adatum.tenantId, { callerToken, url: third.httpsUrl });
  await stack.entra.start();
  assert.equal(ready.status, 200);
  assert.equal(answer.status, 403, "the caller was verified, and then had no grant");
});
