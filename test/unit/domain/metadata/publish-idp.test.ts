import assert from "node:assert/strict";
import { createHash, verify } from "node:crypto";
import { test } from "node:test";
import type { LastKnownGood } from "../../../../src/domain/metadata/last-known-good.ts";
import { createIdpPublisher } from "../../../../src/domain/metadata/publish-idp.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { ok, refuse } from "../../../../src/domain/shared/result.ts";
import { createLedgerId } from "../../../../src/domain/signing/ledger-id.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { createFakeLedger } from "../../../support/fakes/ledger.ts";
import { createFakeSigner } from "../../../support/fakes/signer.ts";
import { foreign } from "../../../support/fixtures/certificates.ts";
import { newer, older } from "../../../support/fixtures/credentials.ts";
import { contosoId } from "../../../support/fixtures/ids.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const publisher = older;

const known = (verifiedAtMs: number): LastKnownGood => ({
  version: 2,
  federation: {
    body: Buffer.from("<Metadata/>").toString("base64"),
    ...{ sha256: "f", fetchedAtMs: startMs, verifiedAtMs, chain: [] },
    ...{ signedBy: "", keys: [], former: [] },
  },
  keys: [],
});

/** A publisher whose signature stands for the document, the documents that it was asked to sign, and how it waited. */
function createPublisher() {
  const [signer, ledger] = [createFakeSigner(), createFakeLedger()];
  const world = {
    ...{ signer, ledger },
    verified: [] as string[],
    unsigned: [] as string[],
    limits: [] as number[],
    sleeps: 0,
    isVerified: true,
  };
  const publish = createIdpPublisher({
    async verifyFederationMetadata(body) {
      world.verified.push(Buffer.from(body).toString());
      if (!world.isVerified) return refuse({ reason: "digest_mismatch" });
      return ok({
        ...{ entityId: "e", signedBy: "", idpCertificates: [], stsCertificates: [] },
        ...{ singleSignOnServices: [], singleLogoutServices: [], otherEndpoints: [] },
      });
    },
    async signXml(xml, certificateDer, sign) {
      world.unsigned.push(xml);
      const signature = Buffer.from(await sign(Buffer.from(`signed info of ${xml}`))).toString("base64");
      return `${certificateDer} ${signature}`;
    },
    ...{ signer, ledger, newLedgerId: createLedgerId, instance: "instance-1" },
    ...{ clock: () => startMs, random: () => 0 },
    async sleep() {
      world.sleeps += 1;
    },
    startDeadline(withinMs) {
      world.limits.push(withinMs);
      return { atMs: startMs + withinMs, signal: new AbortController().signal };
    },
  });
  return Object.assign(world, { publish, made: () => signer.calls.length });
}

test("idp.xml is signed by the vault with RSA-SHA256, with an intent that names its purpose", async () => {
  const world = createPublisher();
  const { idp } = await world.publish(known(startMs), contosoId, publisher, startMs);
  const [der = "", signature = ""] = Buffer.from(idp?.body ?? "", "base64")
    .toString()
    .split(" ");
  const [unsigned] = world.unsigned;
  const signed = Buffer.from(`signed info of ${unsigned}`);
  assert.deepEqual([world.verified, der], [["<Metadata/>"], publisher.der]);
  assert.ok(verify("sha256", signed, publisher.publicKey, Buffer.from(signature, "base64")));
  assert.equal(idp?.sha256, createHash("sha256").update(`${der} ${signature}`).digest("hex"));
  assert.deepEqual(
    [idp?.madeFromSha256, idp?.publisherX5tS256, idp?.validUntilMs],
    ["f", publisher.x5tS256, startMs + 7 * dayMs],
  );
  const [{ id, ...intent } = { id: "" }] = world.ledger.intents;
  assert.deepEqual(intent, {
    ...{ purpose: "publication", callerName: "keyhold", metadataSource: contosoId, instance: "instance-1" },
    ...{ timeMs: startMs, keyName: publisher.keyName, keyVersion: publisher.keyVersion },
  });
  const outcome = { outcome: "published", vaultRequestId: "vault-request-1" };
  assert.deepEqual(world.ledger.outcomes, [{ id, outcome }]);
  assert.deepEqual([world.made(), world.signer.calls[0]?.algorithm, world.limits], [1, "RS256", [10_000]]);
});

test("each document has its own ID, which is an XML name", async () => {
  const world = createPublisher();
  await world.publish(known(startMs), contosoId, publisher, startMs);
  await world.publish(known(startMs), contosoId, publisher, startMs + 1);
  const ids = world.unsigned.map((xml) => / ID="(_[0-9a-f]{32})"/.exec(xml)?.[1]);
  assert.ok(ids.every((id) => id !== undefined));
  assert.equal(new Set(ids).size, 2);
});

test("a busy vault is asked once more, with a new intent", async () => {
  const world = createPublisher();
  world.signer.failures.push(new Fault("signer_throttled"));
  assert.ok((await world.publish(known(startMs), contosoId, publisher, startMs)).idp);
  assert.deepEqual([world.sleeps, world.made(), world.ledger.intents.length], [1, 2, 2]);
  assert.deepEqual(
    world.ledger.outcomes.map(({ outcome }) => outcome.outcome),
    ["not_signed", "published"],
  );
});

test("a published document stays unchanged until the metadata, the certificate or the day changes", async () => {
  const world = createPublisher();
  const first = await world.publish(known(startMs), contosoId, publisher, startMs);
  const { federation } = first;
  assert.ok(federation);
  assert.equal(await world.publish(first, contosoId, publisher, startMs + dayMs - 1), first);
  assert.equal(world.made(), 1);
  const changed = { ...first, federation: { ...federation, sha256: "other" } };
  assert.equal((await world.publish(changed, contosoId, publisher, startMs)).idp?.madeFromSha256, "other");
  world.signer.keyOf = () => foreign.privateKey;
  assert.equal((await world.publish(first, contosoId, newer, startMs)).idp?.publisherX5tS256, newer.x5tS256);
  assert.equal(world.made(), 3);
});

test("nothing is signed without a publisher or federation metadata, or with metadata that no longer verify", async () => {
  const world = createPublisher();
  const { federation: _, ...without } = known(startMs);
  assert.equal(await world.publish(without, contosoId, publisher, startMs), without);
  const record = known(startMs);
  assert.equal(await world.publish(record, contosoId, undefined, startMs), record);
  world.isVerified = false;
  assert.equal(await world.publish(record, contosoId, publisher, startMs), record);
  assert.deepEqual([world.made(), world.ledger.intents], [0, []]);
});

test("over ten days of hourly refreshes idp.xml is valid for six to seven days at any time, and created once a day", async () => {
  const world = createPublisher();
  let record = known(startMs);
  for (let nowMs = startMs; nowMs < startMs + 10 * dayMs; nowMs += hourMs) {
    const federation = record.federation && { ...record.federation, verifiedAtMs: nowMs };
    record = await world.publish({ ...record, ...(federation && { federation }) }, contosoId, publisher, nowMs);
    const leftMs = (record.idp?.validUntilMs ?? 0) - nowMs;
    assert.ok(leftMs > 6 * dayMs && leftMs <= 7 * dayMs, `${leftMs / dayMs} days left`);
  }
  assert.equal(world.made(), 10);
});

test("metadata that were not confirmed for a day are not signed again", async () => {
  const world = createPublisher();
  const { idp } = await world.publish(known(startMs), contosoId, publisher, startMs + dayMs);
  assert.deepEqual([idp, world.made()], [undefined, 0]);
  assert.ok((await world.publish(known(startMs), contosoId, publisher, startMs + dayMs - 1)).idp);
});

for (const source of ["common", "organizations", "consumers"]) {
  test(`${source} has no idp.xml, and no signature for it is made`, async () => {
    const world = createPublisher();
    const { idp } = await world.publish(known(startMs), source, publisher, startMs);
    assert.deepEqual([idp, world.made()], [undefined, 0]);
  });
}
