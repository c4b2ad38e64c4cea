/** The updater's checks alone (`--check`), over a table of documents: no network, no Apache. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { promisify } from "node:util";
import { requirementsOf, updaterPackages } from "../../../local/relying-parties/debian-packages.ts";
import { skipWithout } from "../../support/requirements.ts";
import { makeSigner } from "./fixtures/certificates.ts";
import { buildMetadata, inSeconds, keyDescriptor, newId, signMetadata } from "./fixtures/metadata.ts";
import { poisonedDocuments } from "./fixtures/poisoned-documents.ts";
import { runUpdater } from "./fixtures/updater.ts";

const execute = promisify(execFile);
const skip = skipWithout(...requirementsOf(updaterPackages));

describe("keyhold-mellon-update --check", { skip, concurrency: 4 }, async () => {
  if (skip) return;
  const folder = mkdtempSync(join(tmpdir(), "keyhold-mellon-check-"));
  after(() => rmSync(folder, { recursive: true }));

  const entityId = "https://sts.windows.net/40000000-0000-4000-8000-000000000001/";
  const [keyA, keyB, publisher, nextPublisher, attacker, expiredPublisher] = await Promise.all([
    makeSigner("A"),
    makeSigner("B"),
    makeSigner("Publisher"),
    makeSigner("Next publisher"),
    makeSigner("Attacker"),
    makeSigner("Former publisher", "past"),
  ]);
  const content = {
    entityId,
    keys: [keyA],
    ssoUrl: "https://login.microsoftonline.com/40000000-0000-4000-8000-000000000001/saml2",
    validUntil: inSeconds(86_400),
  };
  const publisherCert = join(folder, "publisher.pem");
  const certificates = [expiredPublisher, publisher, nextPublisher].map(({ certificate }) => certificate.trim());
  writeFileSync(publisherCert, `${certificates.join("\n")}\n`);
  const untrusted = { "entity-id": entityId };
  const trusted = { ...untrusted, "publisher-cert": publisherCert };

  let files = 0;
  async function check(body: string | Buffer, settings: Record<string, string>) {
    files += 1;
    const file = join(folder, `${files}.xml`);
    writeFileSync(file, body);
    return runUpdater({ check: file, ...settings });
  }
  const build = (changes = {}) => buildMetadata({ ...content, id: newId(), ...changes });
  const good = signMetadata(build({ keys: [keyA, keyB] }), publisher);

  const accepted = {
    "two keys": good,
    "the next publisher certificate": signMetadata(build(), nextPublisher),
    "a BOM in front": `\ufeff${good}`,
    "an XML declaration of UTF-8": `<?xml version="1.0" encoding="utf-8"?>\n${good}`,
    "fractions of a second in validUntil": signMetadata(
      build({ validUntil: new Date(Date.now() + 60_000).toISOString() }),
      publisher,
    ),
    "a key without a use": signMetadata(build({ keyDescriptors: keyDescriptor(keyA.base64, "") }), publisher),
    "an encryption key beside the signing key": signMetadata(
      build({ keyDescriptors: keyDescriptor(keyA.base64) + keyDescriptor(keyB.base64, ' use="encryption"') }),
      publisher,
    ),
  };
  for (const [name, body] of Object.entries(accepted)) {
    test(`a document with ${name} is accepted`, async () => {
      const { code, log } = await check(body, trusted);
      assert.match(log, /^keyhold-mellon-update: good: keys [12], validUntil \S+\n$/);
      assert.equal(code, 0);
    });
  }

  test("without a publisher certificate an unsigned document without validUntil is accepted", async () => {
    const { code, log } = await check(build({ validUntil: undefined }), untrusted);
    assert.equal(log, "keyhold-mellon-update: good: keys 1, validUntil none\n");
    assert.equal(code, 0);
  });

  for (const poisoned of poisonedDocuments({ content, publisher, expiredPublisher, attacker })) {
    test(`${poisoned.name} is refused, and the log line gives the reason without quoting it`, async () => {
      const { code, log } = await check(poisoned.body, trusted);
      assert.equal(log, `keyhold-mellon-update: refused: ${poisoned.reason}\n`);
      assert.equal(code, 4);
    });

    if (!poisoned.isOnlyUntrusted) {
      test(`${poisoned.name} is refused without a publisher certificate too`, async () => {
        const { code, log } = await check(poisoned.body, untrusted);
        assert.equal(log, `keyhold-mellon-update: refused: ${poisoned.reason}\n`);
        assert.equal(code, 4);
      });
    }
  }

  test("xmlsec1 alone accepts documents that name an attacker's key, and an expired one", async () => {
    const certificate = join(folder, "xmlsec1.pem");
    writeFileSync(certificate, publisher.certificate);
    const isTaken = async (body: string | Buffer) => {
      const file = join(folder, "xmlsec1.xml");
      writeFileSync(file, body);
      const idAttribute = ["--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:metadata:EntityDescriptor"];
      const args = ["--verify", "--pubkey-cert-pem", certificate, ...idAttribute, file];
      return execute("xmlsec1", args).then(
        () => true,
        () => false,
      );
    };
    assert.equal(await isTaken(good), true);
    const taken: string[] = [];
    for (const { name, body } of poisonedDocuments({ content, publisher, expiredPublisher, attacker })) {
      const isWorse = `${body}`.includes(attacker.base64) || name === "a validUntil that has passed";
      if (isWorse && (await isTaken(body))) taken.push(name);
    }
    assert.deepEqual(taken, [
      "a validUntil that has passed",
      "an attacker's signature that brings its own key",
      "the signed document wrapped in an attacker's",
      "the signed document behind an attacker's role and the publisher's certificate",
      "the signature moved to an attacker's root",
    ]);
  });

  const misuses: Record<string, [Record<string, string>, RegExp]> = {
    "no entity-id": [{}, /entity-id is missing/],
    "the tenant-independent entity-id": [
      { "entity-id": "https://sts.windows.net/{tenantid}/" },
      /must name one tenant/,
    ],
    "an unknown setting": [{ ...untrusted, "no-check": "1" }, /unknown setting no-check/],
    "a publisher file without a certificate": [{ ...untrusted, "publisher-cert": "/dev/null" }, /cannot be read/],
    "a max-age that is no number": [{ ...untrusted, "max-age": "1h" }, /max-age/],
  };
  for (const [name, [settings, expected]] of Object.entries(misuses)) {
    test(`${name} exits with 2 before anything is read`, async () => {
      const { code, log } = await check(good, settings);
      assert.match(log, expected);
      assert.equal(code, 2);
    });
  }
});
