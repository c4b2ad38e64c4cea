/**
 * Keyhold itself, with Entra's sign-on behind it and all kinds of relying parties in front of it: Apache with
 * mod_auth_mellon and others that read the updater's file, Shibboleth and SimpleSAMLphp. Users log in while Entra and
 * Keyhold change their keys; no server is restarted. (.NET takes long to build and is tested in dotnet.test.ts alone.)
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { signedInUser } from "../../../local/emulators/entra/saml-endpoint.ts";
import { Browser } from "../../../local/relying-parties/browser.ts";
import {
  mellonPackages,
  requirementsOf,
  shibbolethPackages,
  simpleSamlPackages,
} from "../../../local/relying-parties/debian-packages.ts";
import { startMellon } from "../../../local/relying-parties/mellon.ts";
import type { ServiceProvider } from "../../../local/relying-parties/service-provider.ts";
import { startShibboleth } from "../../../local/relying-parties/shibboleth.ts";
import { startSimpleSaml } from "../../../local/relying-parties/simplesamlphp.ts";
import * as world from "../../../local/stack/world.ts";
import { skipWithout } from "../../support/requirements.ts";
import { runTimer, testStack } from "../../support/test-stack.ts";
import { makeSigner } from "./fixtures/certificates.ts";
import { nodeSaml, pysaml2, python3Saml, rubySaml, samlify, startFileReader } from "./fixtures/file-readers.ts";
import { runUpdater } from "./fixtures/updater.ts";

const readers = [pysaml2, python3Saml, rubySaml, nodeSaml, samlify];
const packages = [
  ...mellonPackages,
  ...shibbolethPackages,
  ...simpleSamlPackages,
  ...readers.flatMap((each) => each.packages),
];
const skip = skipWithout(...requirementsOf([...new Set(packages)]));

describe("relying parties of Keyhold", { skip }, async () => {
  if (skip) return;
  const stack = await testStack({ startFunctions: false });
  const next = await stack.keyVault.createKey(world.publisher.keyName, { subject: "CN=Keyhold publisher next" });
  const policyWith = (state: "active" | "retiring", nextState: "staged" | "active") => ({
    ...world.policyOf(stack.key, stack.publisher),
    publisher: {
      certificates: [
        { keyId: stack.publisher.keyId, certificate: stack.publisher.certificatePem, state },
        { keyId: next.keyId, certificate: next.certificatePem, state: nextState },
      ],
    },
  });
  await stack.writePolicy(policyWith("active", "staged"));
  stack.functions = await stack.addInstance(stack.ports);
  const { tenantId } = world.tenants.contoso;
  const folderOf = (name: string) => {
    const folder = join(stack.folder, name);
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
    return folder;
  };
  chmodSync(stack.folder, 0o755);
  const [mellonFolder, shibbolethFolder, metadataFolder] = [
    folderOf("mellon"),
    folderOf("shibboleth"),
    folderOf("metadata"),
  ];
  const metadataFile = join(metadataFolder, "idp.xml");
  const fileOf = (name: string) => join(metadataFolder, name);
  /** What each relying party was given: the certificates that may sign. */
  const giveCertificates = (first: string, second: string) => {
    writeFileSync(fileOf("publishers.pem"), `${first}\n${second}\n`);
    writeFileSync(fileOf("publisher.pem"), first);
    writeFileSync(fileOf("publisher-next.pem"), second);
  };
  giveCertificates(stack.publisher.certificatePem, next.certificatePem);
  const entityId = `https://sts.windows.net/${tenantId}/`;
  const url = `${stack.functions.httpsUrl}/${tenantId}/federationmetadata/2007-06/idp.xml`;
  const rootsFile = stack.authority.certificateFile;

  async function update(): Promise<void> {
    const settings = { url, "ca-file": rootsFile, "entity-id": entityId, target: metadataFile };
    const run = await runUpdater({ ...settings, "publisher-cert": fileOf("publishers.pem") });
    assert.equal(run.code, 0, run.log);
  }
  /** What the app does by itself twice a minute: it reads the policy and publishes what is not published. */
  async function checkMetadata(): Promise<void> {
    const check = `${stack.functions.httpUrl}/admin/functions/checkMetadata?wait=true`;
    assert.ok((await fetch(check, { method: "POST", body: "{}" })).ok);
  }
  await checkMetadata();
  await update();
  const [mellonKey, shibbolethKey] = await Promise.all([makeSigner("Mellon"), makeSigner("Shibboleth")]);
  const mellon = await startMellon({
    ...{ folder: mellonFolder, key: mellonKey, metadataFile, publisherCertFile: fileOf("publishers.pem") },
  });
  after(() => mellon.stop());
  const shibboleth = await startShibboleth({
    ...{ folder: shibbolethFolder, key: shibbolethKey, entityId, url, rootsFile, refreshSeconds: 1 },
    publisherCertFiles: [fileOf("publisher.pem"), fileOf("publisher-next.pem")],
  });
  after(() => shibboleth.stop());
  const simpleSaml = await startSimpleSaml({
    ...{ folder: folderOf("simplesamlphp"), entityId, url, rootsFile },
    publisherCertificates: [stack.publisher.certificatePem, next.certificatePem],
  });
  after(() => simpleSaml.stop());
  const fileReaders = await Promise.all(
    readers.map(async (reader) => {
      const settings = { folder: stack.folder, key: await makeSigner(reader.name), entityId, metadataFile };
      const started = await startFileReader(reader, settings);
      after(started.stop);
      return started;
    }),
  );
  for (const { entityId: name, acsUrl } of [mellon, shibboleth, simpleSaml, ...fileReaders])
    stack.entra.registerRelyingParty(name, acsUrl);

  const login = ({ secretUrl }: Pick<ServiceProvider, "secretUrl">) =>
    new Browser(stack.authority.certificate, { "login.microsoftonline.com": stack.ports.entra }).login(secretUrl);

  /** All let the user in; Shibboleth within 20 s, since it fetches when it wants. */
  async function assertLogins(because: string): Promise<void> {
    await simpleSaml.refresh();
    for (const party of [mellon, simpleSaml, ...fileReaders])
      assert.deepEqual(await login(party), { status: 200, user: signedInUser }, `${because}\n${party.log()}`);
    for (let i = 0; i < 200 && (await login(shibboleth)).status !== 200; i += 1) await sleep(100);
    assert.deepEqual(await login(shibboleth), { status: 200, user: signedInUser }, `${because}\n${shibboleth.log()}`);
  }

  async function published(): Promise<string> {
    const response = await fetch(url);
    assert.equal(response.status, 200);
    return response.text();
  }
  const derOf = (pem: string) => pem.replace(/-----[A-Z ]+-----|\s/g, "");

  test("users log in with the document that Keyhold publishes, and a staged key signs nothing", async () => {
    await assertLogins("the first document");
    const document = await published();
    assert.ok(document.includes(derOf(stack.publisher.certificatePem)));
    assert.ok(!document.includes(derOf(next.certificatePem)));
  });

  test("Entra announces a key, signs with it and retires the old one, and logins succeed all the time", async () => {
    const [{ kid: old = "" } = {}] = stack.entra.jwks(tenantId).keys as { kid?: string }[];
    const announced = await stack.entra.announceKey();
    await runTimer(stack.functions, "refreshMetadata");
    await update();
    await assertLogins("the old key while both are published");
    assert.equal((await published()).match(/<KeyDescriptor /g)?.length, 2);
    stack.entra.activateKey(announced);
    await assertLogins("the new key");
    stack.entra.retireKey(old);
    await runTimer(stack.functions, "refreshMetadata");
    await update();
    assert.equal((await published()).match(/<KeyDescriptor /g)?.length, 1);
    await assertLogins("the new key alone");
  });

  test("Keyhold's own certificate is rotated: both are known, the next one is activated, and no login fails", async () => {
    await stack.writePolicy(policyWith("retiring", "active"));
    await checkMetadata();
    const document = await published();
    assert.ok(document.includes(derOf(next.certificatePem)));
    assert.ok(!document.includes(derOf(stack.publisher.certificatePem)));
    await update();
    await assertLogins("the next certificate signs");
    giveCertificates(next.certificatePem, next.certificatePem);
    await update();
    await assertLogins("the former certificate is forgotten");
  });

  test("Entra withdraws all keys at once, which affects Keyhold's own tokens too, and users log in again after one fetch", async () => {
    await stack.entra.replaceAllKeys();
    for (const party of [mellon, shibboleth, simpleSaml, ...fileReaders])
      assert.equal((await login(party)).user, undefined, `the key of this response is not known yet\n${party.log()}`);
    await runTimer(stack.functions, "refreshMetadata");
    assert.equal((await published()).match(/<KeyDescriptor /g)?.length, 1);
    await update();
    await assertLogins("the replacement");
  });
});
