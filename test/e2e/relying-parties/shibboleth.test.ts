/**
 * A real Shibboleth, which fetches and checks the metadata by itself: logins succeed through key rollovers and a
 * rotation of the publisher's certificate, and no forged document is accepted. Nothing is restarted.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { requirementsOf, shibbolethPackages } from "../../../local/relying-parties/debian-packages.ts";
import { acceptsMetadata, startShibboleth } from "../../../local/relying-parties/shibboleth.ts";
import { skipWithout } from "../../support/requirements.ts";
import { openLab } from "./fixtures/lab.ts";
import { inSeconds } from "./fixtures/metadata.ts";
import { poisonedDocuments } from "./fixtures/poisoned-documents.ts";
import { startPublisher } from "./fixtures/publisher.ts";

const skip = skipWithout(...requirementsOf(shibbolethPackages));

/** What Shibboleth takes although the updater refuses it: the publisher's own key has signed each of them. */
const signedByThePublisher = [
  "a document in UTF-16",
  "a document over 1 MiB",
  "two IDPSSODescriptors",
  "an endpoint of plain http",
  "no key",
  "a key for encryption only",
  "a garbage key",
  "a certificate with bytes after its end",
  "a publisher certificate that has expired",
  "a signature without the certificate, which Mellon refuses",
  "a signature with SHA-1",
  "another canonicalization",
];

describe("Apache with Shibboleth", { skip }, async () => {
  if (skip) return;
  const lab = await openLab("shibboleth");
  after(() => lab.close());
  const { attacker, document, entityId, expiredPublisher, idp, keyA, keyB, keyC, nextPublisher, publisher, user } = lab;
  const certificateFile = lab.write("publisher.pem", lab.publisherKey.certificate);
  const nextCertificateFile = lab.write("publisher-next.pem", lab.publisherKey.certificate);
  const rootsFile = lab.write("roots.pem", lab.tls.root);
  publisher.serve(document([keyA]));
  const shibboleth = await startShibboleth({
    folder: lab.folder,
    key: lab.spKey,
    entityId,
    url: publisher.url,
    rootsFile,
    publisherCertFiles: [certificateFile, nextCertificateFile],
    refreshSeconds: 1,
  });
  lab.cleanUps.push(shibboleth.stop);
  idp.register(shibboleth);

  /** Serves it until Shibboleth has fetched it twice: when it asks again it is through with the first. */
  async function publish(body: string): Promise<void> {
    publisher.serve(body);
    const before = publisher.requests;
    for (let i = 0; i < 200 && publisher.requests < before + 2; i += 1) await sleep(50);
    assert.ok(publisher.requests >= before + 2, "Shibboleth polls");
  }

  async function assertLogins(because: string): Promise<void> {
    assert.deepEqual(await lab.login(shibboleth), { status: 200, user }, `${because}\n${shibboleth.log()}`);
  }

  async function assertNoLogin(because: string): Promise<void> {
    assert.equal((await lab.login(shibboleth)).status, 500, because);
  }

  /** With these certificates, one file each. */
  async function accepts(url: string, first = lab.publisherKey.certificate, second = first): Promise<boolean> {
    const publisherCertFiles = [lab.write("first.pem", first), lab.write("second.pem", second)] as const;
    const folderOfQuery = join(lab.folder, "query");
    const options = { folder: folderOfQuery, key: lab.spKey, entityId, url, rootsFile, publisherCertFiles };
    return acceptsMetadata({ ...options, refreshSeconds: 1 });
  }

  test("every login succeeds through a planned rollover, and the retired key is refused", async () => {
    await assertLogins("the first key");
    await publish(document([keyA, keyB]));
    await assertLogins("the old key while both are published");
    idp.signWith(keyB);
    await assertLogins("the new key");
    await publish(document([keyB]));
    await assertLogins("the new key alone");
    idp.signWith(keyA);
    await assertNoLogin("the retired key");
  });

  test("after an emergency every login succeeds again as soon as the new keys were fetched", async () => {
    idp.signWith(keyC);
    await assertNoLogin("a key that was not announced");
    await publish(document([keyC]));
    await assertLogins("the replacement");
    idp.signWith(keyB);
    await assertNoLogin("the withdrawn key");
  });

  test("the publisher changes its certificate, and no login fails", async () => {
    lab.write("publisher-next.pem", nextPublisher.certificate);
    idp.signWith(keyA);
    await publish(document([keyA], nextPublisher));
    await assertLogins("a document by the publisher's next certificate");
    idp.signWith(keyB);
    await publish(document([keyB]));
    await assertLogins("a document by the former certificate, while both are configured");
  });

  test("a forged document is not used, and logins still succeed", async () => {
    await publish(document([keyC], attacker));
    await assertLogins("the keys from before");
    idp.signWith(keyC);
    await assertNoLogin("a key that the attacker's document names");
  });

  test("every forged document is refused, and every accepted one is signed by the publisher's key", async () => {
    const source = await startPublisher(lab.tls.good);
    lab.cleanUps.push(source.close);
    const accepted: string[] = [];
    const cast = { content: lab.content([keyA]), publisher: lab.publisherKey, expiredPublisher, attacker };
    for (const { name, body } of poisonedDocuments(cast)) {
      source.serve(body);
      if (await accepts(source.url, lab.publisherKey.certificate, expiredPublisher.certificate)) accepted.push(name);
    }
    source.serve(document([keyA]));
    assert.equal(await accepts(source.url), true, "the good one is taken");
    assert.deepEqual(accepted, signedByThePublisher);
  });

  test("a document with a longer validity than Keyhold ever uses is refused", async () => {
    publisher.serve(document([keyA], lab.publisherKey, inSeconds(14 * 86_400)));
    assert.equal(await accepts(publisher.url), false);
  });

  test("only the first certificate of a PEM file counts, so each one has its own file and resolver", async () => {
    const both = `${lab.publisherKey.certificate}\n${nextPublisher.certificate}\n`;
    publisher.serve(document([keyA], nextPublisher));
    assert.equal(await accepts(publisher.url, both), false);
    assert.equal(await accepts(publisher.url, lab.publisherKey.certificate, nextPublisher.certificate), true);
  });

  test("a server that impersonates the publisher gets no request", async () => {
    for (const name of ["unknownAuthority", "selfSigned", "wrongHost", "expired"] as const) {
      const impostor = await startPublisher(lab.tls[name]);
      lab.cleanUps.push(impostor.close);
      impostor.serve(document([keyA]));
      assert.equal(await accepts(impostor.url), false, name);
      assert.equal(impostor.requests, 0, name);
    }
  });
});
