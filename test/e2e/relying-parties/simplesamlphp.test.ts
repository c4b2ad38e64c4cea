/** A real SimpleSAMLphp, which fetches and checks the metadata by itself. Nothing is restarted. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { requirementsOf, simpleSamlPackages } from "../../../local/relying-parties/debian-packages.ts";
import { startSimpleSaml } from "../../../local/relying-parties/simplesamlphp.ts";
import { skipWithout } from "../../support/requirements.ts";
import type { KeyWithCertificate } from "./fixtures/certificates.ts";
import { openLab } from "./fixtures/lab.ts";
import { poisonedDocuments } from "./fixtures/poisoned-documents.ts";
import { startPublisher } from "./fixtures/publisher.ts";

const skip = skipWithout(...requirementsOf(simpleSamlPackages));

/** What SimpleSAMLphp takes although the updater refuses it: the publisher's own key has signed each of them. */
const signedByThePublisher = [
  "a document in UTF-16",
  "a document over 1 MiB",
  "an EntitiesDescriptor",
  "an element without a namespace",
  "another tenant's document",
  "the tenant-independent document",
  "two IDPSSODescriptors",
  "no SingleSignOnService",
  "an endpoint of plain http",
  "a key for encryption only",
  "a key of another use",
  "a garbage key",
  "a garbage key beside a good one",
  "an empty certificate",
  "a certificate with bytes after its end",
  "no validUntil",
  "a signature without the certificate, which Mellon refuses",
  "a signature with SHA-1",
  "another canonicalization",
];

describe("SimpleSAMLphp", { skip }, async () => {
  if (skip) return;
  const lab = await openLab("simplesamlphp");
  after(() => lab.close());
  const { attacker, document, entityId, expiredPublisher, idp, keyA, keyB, keyC, nextPublisher, publisher, user } = lab;
  const { publisherKey } = lab;
  const folder = join(lab.folder, "own");
  mkdirSync(folder);
  const simpleSaml = await startSimpleSaml({
    folder,
    entityId,
    url: publisher.url,
    rootsFile: lab.write("roots.pem", lab.tls.root),
    publisherCertificates: [publisherKey.certificate, nextPublisher.certificate],
  });
  lab.cleanUps.push(simpleSaml.stop);
  idp.register(simpleSaml);

  async function publish(body: string | Buffer): Promise<void> {
    publisher.serve(body);
    await simpleSaml.refresh();
  }
  function login(key: KeyWithCertificate) {
    idp.signWith(key);
    return lab.login(simpleSaml);
  }
  async function assertLogin(key: KeyWithCertificate, because: string): Promise<void> {
    assert.deepEqual(await login(key), { status: 200, user }, `${because}\n${simpleSaml.log()}`);
  }
  async function assertNoLogin(key: KeyWithCertificate, because: string): Promise<void> {
    const before = simpleSaml.log().length;
    assert.equal((await login(key)).user, undefined, because);
    assert.match(simpleSaml.log().slice(before), /Unable to validate Signature/, because);
  }

  test("every login succeeds through a planned rollover, and no retired or unknown key is accepted", async () => {
    await publish(document([keyA]));
    await assertLogin(keyA, "the first key");
    await assertNoLogin(keyB, "a key that is not announced yet");
    await publish(document([keyA, keyB]));
    await assertLogin(keyA, "the old key while both are published");
    await assertLogin(keyB, "the new key while both are published");
    await publish(document([keyB]));
    await assertLogin(keyB, "the new key alone");
    await assertNoLogin(keyA, "the retired key");
    await assertNoLogin(attacker, "a key that was never published");
  });

  test("after an emergency every login succeeds again as soon as cron has run, and not with the withdrawn key", async () => {
    await publish(document([keyC]));
    await assertLogin(keyC, "the replacement");
    await assertNoLogin(keyB, "the withdrawn key");
  });

  test("the publisher changes its certificate, and no login fails", async () => {
    await publish(document([keyA], nextPublisher));
    await assertLogin(keyA, "a document by the publisher's next certificate");
    await publish(document([keyB]));
    await assertLogin(keyB, "a document by the former certificate, while both are configured");
  });

  test("every forged document is refused, and every accepted one is signed by the publisher's key", async () => {
    const accepted: string[] = [];
    const cast = { content: lab.content([keyA]), publisher: publisherKey, expiredPublisher, attacker };
    for (const { name, body } of poisonedDocuments(cast)) {
      simpleSaml.forget();
      await publish(body);
      const certificates = simpleSaml.certificates();
      assert.ok(!certificates.includes(attacker.base64), name);
      if (certificates.length > 0) accepted.push(name);
    }
    assert.deepEqual(accepted, signedByThePublisher);
    await publish(document([keyA]));
    assert.deepEqual(simpleSaml.certificates(), [keyA.base64], "the good one is taken");
  });

  test("a document that is not signed by the publisher adds no keys, and removes the previous ones", async () => {
    await publish(document([keyA]));
    await publish(document([attacker], attacker));
    assert.deepEqual(simpleSaml.certificates(), []);
    idp.signWith(attacker);
    assert.equal((await lab.login(simpleSaml)).user, undefined);
    await publish(document([keyA]));
    await assertLogin(keyA, "the next good document");
  });

  test("it reads the updater's file as well", async () => {
    simpleSaml.fetchFrom(lab.write("idp.xml", document([keyB])));
    await simpleSaml.refresh();
    await assertLogin(keyB, "the key of the file");
  });

  test("a server that impersonates the publisher gets no request", async () => {
    async function requestsTo(name: "good" | "unknownAuthority" | "selfSigned" | "wrongHost" | "expired") {
      const server = await startPublisher(lab.tls[name]);
      lab.cleanUps.push(server.close);
      server.serve(document([keyC]));
      simpleSaml.fetchFrom(server.url);
      await simpleSaml.refresh();
      return server.requests;
    }
    assert.equal(await requestsTo("good"), 1);
    for (const name of ["unknownAuthority", "selfSigned", "wrongHost", "expired"] as const)
      assert.equal(await requestsTo(name), 0, name);
    simpleSaml.fetchFrom(publisher.url);
    await publish(document([keyA]));
    await assertLogin(keyA, "the publisher itself");
  });
});
