/** How a record of version 1 is converted. Each test changes one thing of a valid one. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { generateSigningKey } from "../../../../local/emulators/entra/signing-key.ts";
import type { FederationMetadata } from "../../../../src/domain/metadata/federation-metadata.ts";
import type { LastKnownGood, RecordVersion1 } from "../../../../src/domain/metadata/last-known-good.ts";
import type { MetadataRefusal } from "../../../../src/domain/metadata/refusal.ts";
import { verifyRecord } from "../../../../src/domain/metadata/stored-record.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { ok, type Result, refuse } from "../../../../src/domain/shared/result.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { contosoId } from "../../../support/fixtures/ids.ts";

const published = async () => {
  const { kid, n, e, certificate } = await generateSigningKey();
  return { kid, n, e, certificate };
};
/** `current` stands in both documents, `federated` only in the one, `listed` only in the other. */
const [current, federated, listed, attackers] = [
  await published(),
  await published(),
  await published(),
  await published(),
];
const sha256Of = (body: string) => createHash("sha256").update(Buffer.from(body, "base64")).digest("hex");
function document(text: string) {
  const body = Buffer.from(text).toString("base64");
  return { body, sha256: sha256Of(body), fetchedAtMs: startMs, verifiedAtMs: startMs, chain: [] };
}
const encryption = { kty: "EC", use: "enc" };
const jwks = [current, listed].map(({ kid, n, e, certificate }) => {
  return { kty: "RSA", use: "sig", kid, x5t: kid, n, e, x5c: [certificate] };
});
const seen = { firstSeenMs: startMs - 5, lastSeenMs: startMs };
const numbersOf = ({ kid, n, e }: typeof current) => ({ kid, n, e, ...seen });
const valid = {
  version: 1 as const,
  federation: { ...document("federation"), etag: '"1"' },
  discovery: document("{}"),
  jwks: { ...document(JSON.stringify({ keys: [...jwks, encryption] })), etag: '"1"' },
  keys: [current, federated, listed].map(numbersOf),
  idp: { body: document("idp").body, sha256: document("idp").sha256, ...idpFacts() },
};
function idpFacts() {
  return { madeFromSha256: "x", publisherX5tS256: "x", validUntilMs: startMs };
}

const certificates = [current, federated].map(({ kid, certificate }) => {
  return { thumbprint: kid, der: certificate, modulusBits: 2048, notAfterMs: startMs };
});
const location = `https://${clouds.public.authorityHost}/${contosoId}/saml2`;
const content: FederationMetadata = {
  ...{ entityId: `https://sts.windows.net/${contosoId}/`, signedBy: current.kid },
  ...{ idpCertificates: certificates, stsCertificates: certificates },
  ...{ singleSignOnServices: [{ binding: "x", location }], singleLogoutServices: [], otherEndpoints: [] },
};

async function migrated(
  change: Partial<RecordVersion1> = {},
  read: Result<FederationMetadata, MetadataRefusal> = ok(content),
): Promise<LastKnownGood> {
  const verify = { cloud: clouds.public, verifyFederationMetadata: async () => read };
  const result = await verifyRecord({ ...valid, ...change }, { tenant: contosoId }, verify);
  assert.ok(result.ok);
  const again = await verifyRecord(result.value, { tenant: contosoId }, verify);
  assert.deepEqual(again, result, "what is made of it is itself valid");
  return result.value;
}
const kids = (keys: readonly { kid: string }[] = []) => keys.map(({ kid }) => kid);
const without = (...names: (keyof typeof valid)[]) =>
  Object.fromEntries(Object.entries(valid).filter(([name]) => !names.some((each) => each === name)));
/** The record without these documents. */
async function migratedWithout(...names: (keyof typeof valid)[]): Promise<LastKnownGood> {
  const verify = { cloud: clouds.public, verifyFederationMetadata: async () => ok(content) };
  const result = await verifyRecord(without(...names) as never, { tenant: contosoId }, verify);
  assert.ok(result.ok);
  return result.value;
}

describe("a record of version 1", () => {
  test("becomes one of version 2 with certificates, without ETags, discovery and keys that do not sign", async () => {
    const { etag: _, ...federation } = valid.federation;
    const body = Buffer.from(JSON.stringify({ keys: jwks })).toString("base64");
    assert.deepEqual(await migrated(), {
      version: 2,
      federation: { ...federation, signedBy: current.kid, keys: [current, federated], former: [] },
      jwks: { ...document(""), body, sha256: sha256Of(body), keys: [current, listed] },
      keys: [current, federated, listed].map((key) => ({ ...key, ...seen })),
      idp: valid.idp,
    });
  });

  test("without any document loses its keys, because their origin is unknown", async () => {
    assert.deepEqual(await migratedWithout("federation", "discovery", "jwks", "idp"), { version: 2, keys: [] });
  });

  test("without federation metadata keeps the keys of its key set, but not the idp.xml derived from the metadata", async () => {
    const { federation, idp, keys } = await migratedWithout("federation");
    assert.deepEqual([federation, idp, kids(keys)], [undefined, undefined, kids([current, listed])]);
  });

  test("without a key set keeps the keys of its federation metadata", async () => {
    const { jwks: set, keys } = await migratedWithout("jwks");
    assert.deepEqual([set, kids(keys)], [undefined, kids([current, federated])]);
  });

  test("with federation metadata that do not verify, or do not match their hash, loses them", async () => {
    const forged = { ...valid.federation, body: document("other").body };
    for (const { federation, keys } of [
      await migrated({}, refuse({ reason: "digest_mismatch" })),
      await migrated({ federation: forged }),
    ]) {
      assert.deepEqual([federation, kids(keys)], [undefined, kids([current, listed])]);
    }
  });

  test("with a key set that violates a current rule loses it", async () => {
    const [first] = jwks;
    const forged = document(JSON.stringify({ keys: [{ ...first, n: attackers.n }] }));
    const { jwks: set, keys } = await migrated({ jwks: forged });
    assert.deepEqual([set, kids(keys)], [undefined, kids([current, federated])]);
  });

  test("with an idp.xml that does not match its hash loses it", async () => {
    const { idp } = await migrated({ idp: { ...valid.idp, body: document("other").body } });
    assert.equal(idp, undefined);
  });

  test("with another key under the name of a genuine one loses that key", async () => {
    const forged = { ...numbersOf(current), n: attackers.n };
    const { keys } = await migrated({ keys: [forged, numbersOf(listed)] });
    assert.deepEqual(kids(keys), [listed.kid]);
  });

  test("with the exponent 1 for a genuine key gets the exponent of the certificate", async () => {
    const { keys } = await migrated({ keys: [{ ...numbersOf(current), e: "AQ" }] });
    assert.deepEqual(keys, [{ ...current, ...seen }]);
  });
});
