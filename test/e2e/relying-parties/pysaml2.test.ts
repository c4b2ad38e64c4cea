/** pysaml2, which checks metadata badly, behind the updater, which checks it for every consumer that reads a file. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { requirementsOf, updaterPackages } from "../../../local/relying-parties/debian-packages.ts";
import { startServer } from "../../../local/relying-parties/server-process.ts";
import { skipWithout } from "../../support/requirements.ts";
import type { KeyWithCertificate } from "./fixtures/certificates.ts";
import { openLab } from "./fixtures/lab.ts";
import { poisonedDocuments } from "./fixtures/poisoned-documents.ts";
import { runUpdater } from "./fixtures/updater.ts";

const skip = skipWithout(...requirementsOf([...updaterPackages, "python3-pysaml2"]));
const python = "/usr/bin/python3";
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

describe("pysaml2 behind keyhold-mellon-update", { skip }, async () => {
  if (skip) return;
  const lab = await openLab("pysaml2");
  after(() => lab.close());
  const { entityId, idp, keyA, keyB, keyC, nextPublisher, publisher, publisherKey, user } = lab;
  const metadataFolder = join(lab.folder, "metadata");
  mkdirSync(metadataFolder);
  const metadataFile = join(metadataFolder, "idp.xml");
  const certificateFile = lab.write("publisher.pem", publisherKey.certificate);
  const certificates = `${publisherKey.certificate}\n${nextPublisher.certificate}\n`;
  const settings = {
    url: publisher.url,
    "ca-file": lab.write("roots.pem", lab.tls.root),
    "entity-id": entityId,
    target: metadataFile,
    "publisher-cert": lab.write("publishers.pem", certificates),
  };
  async function publish(body: string | Buffer, code = 0): Promise<void> {
    publisher.serve(body);
    const run = await runUpdater(settings);
    assert.equal(run.code, code, run.log);
  }
  await publish(lab.document([keyA]));

  const serviceProvider = await startServer({
    program: python,
    parameters: [
      fixture("pysaml2_service_provider.py"),
      JSON.stringify({
        recipe_folder: fileURLToPath(new URL("../../../clients/pysaml2", import.meta.url)),
        idp_entity_id: entityId,
        metadata_file: metadataFile,
        key_file: lab.write("sp.key", lab.spKey.privateKey),
        cert_file: lab.write("sp.crt", lab.spKey.certificate),
      }),
    ],
    environment: { PYTHONDONTWRITEBYTECODE: "1" },
    isReady: (output) => output.includes("\n"),
  });
  lab.cleanUps.push(serviceProvider.stop);
  const [base] = serviceProvider.output().split("\n");
  idp.register({ entityId: `${base}/sp`, acsUrl: `${base}/acs` });
  const login = (key: KeyWithCertificate) => {
    idp.signWith(key);
    return lab.login({ secretUrl: `${base}/secret` });
  };

  test("everybody logs in through a rollover and an emergency, and no retired key is taken", async () => {
    assert.deepEqual(await login(keyA), { status: 200, user }, serviceProvider.output());
    await publish(lab.document([keyA, keyB]));
    assert.equal((await login(keyB)).status, 200);
    await publish(lab.document([keyB]));
    assert.equal((await login(keyA)).status, 403);
    await publish(lab.document([keyC]));
    assert.equal((await login(keyC)).status, 200);
    assert.equal((await login(keyB)).status, 403);
  });

  test("the publisher changes its certificate, and nobody notices", async () => {
    await publish(lab.document([keyA], nextPublisher));
    assert.equal((await login(keyA)).status, 200);
  });

  test("what pysaml2 takes by its own check is refused by the updater", async () => {
    await publish(lab.document([keyB]));
    const { attacker, expiredPublisher } = lab;
    const cast = { content: lab.content([keyB]), publisher: publisherKey, expiredPublisher, attacker };
    const unsigned = { name: "an attacker's document without a signature", body: lab.unsignedDocument([attacker]) };
    const namesTheAttacker = ({ body }: { body: string | Buffer }) => `${body}`.includes(attacker.base64);
    const forged = [unsigned, ...poisonedDocuments(cast)].filter(namesTheAttacker);
    const documents = Object.fromEntries(forged.map(({ name, body }) => [name, `${body}`]));
    const taken = JSON.parse(
      execFileSync(python, [fixture("pysaml2_metadata_check.py")], {
        input: JSON.stringify({ certificate: certificateFile, documents }),
        encoding: "utf8",
        stdio: ["pipe", "pipe", "ignore"],
      }),
    );
    assert.deepEqual(taken, [
      "an attacker's document without a signature",
      "the signed document wrapped in an attacker's",
      "the signature moved to an attacker's root",
    ]);
    for (const { body } of forged) await publish(body, 4);
    assert.equal((await login(keyB)).status, 200);
    assert.equal((await login(attacker)).status, 403);
  });
});
