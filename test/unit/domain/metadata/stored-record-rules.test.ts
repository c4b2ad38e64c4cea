/** The rules for a stored record to be used. Each test changes one thing of a valid one. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { generateSigningKey } from "../../../../local/emulators/entra/signing-key.ts";
import type { FederationMetadata } from "../../../../src/domain/metadata/federation-metadata.ts";
import type { IdpRecord, LastKnownGood } from "../../../../src/domain/metadata/last-known-good.ts";
import type { MetadataRefusal } from "../../../../src/domain/metadata/refusal.ts";
import { verifiesFederation, verifyRecord } from "../../../../src/domain/metadata/stored-record.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { ok, type Result, refuse } from "../../../../src/domain/shared/result.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { contosoId } from "../../../support/fixtures/ids.ts";

const published = async () => {
  const { kid, n, e, certificate } = await generateSigningKey();
  return { kid, n, e, certificate };
};
const [current, next, former, foreign] = [await published(), await published(), await published(), await published()];
const jwkOf = ({ kid, n, e, certificate }: typeof current) => {
  return { kty: "RSA", use: "sig", kid, x5t: kid, n, e, x5c: [certificate] };
};
function document(text: string) {
  const body = Buffer.from(text);
  const sha256 = createHash("sha256").update(body).digest("hex");
  return { body: body.toString("base64"), sha256, fetchedAtMs: startMs, verifiedAtMs: startMs, chain: [] };
}
const seen = { firstSeenMs: startMs, lastSeenMs: startMs };
const idp: IdpRecord = {
  ...{ body: document("idp").body, sha256: document("idp").sha256, madeFromSha256: "x" },
  ...{ publisherX5tS256: "x", validUntilMs: startMs },
};
const valid = {
  version: 2 as const,
  discovery: document("{}"),
  jwks: { ...document(JSON.stringify({ keys: [current, next].map(jwkOf) })), keys: [current, next] },
  federation: { ...document("federation"), signedBy: next.kid, keys: [current, next], former: [former] },
  keys: [current, next].map((key) => ({ ...key, ...seen })),
  idp,
};
const source = { tenant: contosoId };
const verify = {
  cloud: clouds.public,
  verifyFederationMetadata: async () => refuse({ reason: "verifier_not_loaded" as const }),
};
const outcomeOf = async (stored: LastKnownGood | undefined) => {
  const result = await verifyRecord(stored, source, verify);
  return result.ok ? "used" : result.refusal;
};

describe("a record is used", () => {
  test("unchanged if all of it is verified", async () => {
    assert.deepEqual(await verifyRecord(valid, source, verify), { ok: true, value: valid });
  });

  test("without any document", async () => {
    assert.equal(await outcomeOf({ version: 2, keys: [] }), "used");
  });
});

describe("a record is refused", () => {
  const otherText = (record: { body: string; sha256: string }) => ({ ...record, body: document("other").body });
  const { kid } = foreign;
  const forged = { ...current, kid };
  const keySet = "the key set is not the one of its document";
  const refused: [rule: string, what: string, change: Partial<LastKnownGood>][] = [
    ["a document is not the one of its hash", "discovery", { discovery: otherText(valid.discovery) as never }],
    ["a document is not the one of its hash", "jwks", { jwks: { ...valid.jwks, body: document("x").body } }],
    ["a document is not the one of its hash", "federation", { federation: otherText(valid.federation) as never }],
    ["a document is not the one of its hash", "idp.xml", { idp: otherText(idp) as never }],
    ["a key is not the one of its certificate", "keys", { keys: [...valid.keys, { ...forged, ...seen }] }],
    ["a key is not the one of its certificate", "jwks", { jwks: { ...valid.jwks, keys: [current, forged] } }],
    [
      "a key is not the one of its certificate",
      "federation",
      { federation: { ...valid.federation, keys: [current, next, forged] } },
    ],
    [
      "a key is not the one of its certificate",
      "former keys",
      { federation: { ...valid.federation, former: [forged] } },
    ],
    [keySet, "of which one is missing", { jwks: { ...valid.jwks, keys: [current] } }],
    [keySet, "with one more", { jwks: { ...valid.jwks, keys: [current, next, foreign] } }],
    [keySet, "in another order", { jwks: { ...valid.jwks, keys: [next, current] } }],
    [keySet, "for another issuer", { jwks: { ...valid.jwks, keys: [current, { ...next, otherIssuer: true }] } }],
    [keySet, "of a document that is none", { jwks: { ...document("[]"), keys: [] } }],
    [
      "the signer of the federation metadata is not listed",
      "",
      { federation: { ...valid.federation, signedBy: former.kid } },
    ],
  ];
  for (const [rule, what, change] of refused) {
    test(`because of ${rule} ${what}`, async () => assert.equal(await outcomeOf({ ...valid, ...change }), rule));
  }

  test("if there is none", async () => assert.equal(await outcomeOf(undefined), "not a metadata record"));
});

describe("stored federation metadata", () => {
  const listed = ({ kid, certificate }: typeof current) => {
    return { thumbprint: kid, der: certificate, modulusBits: 2048, notAfterMs: startMs };
  };
  const location = `https://${clouds.public.authorityHost}/${contosoId}/saml2`;
  const content: FederationMetadata = {
    ...{ entityId: `https://sts.windows.net/${contosoId}/`, signedBy: next.kid },
    ...{ idpCertificates: [current, next].map(listed), stsCertificates: [next, current].map(listed) },
    ...{ singleSignOnServices: [{ binding: "x", location }], singleLogoutServices: [], otherEndpoints: [] },
  };
  const verified = (read: Result<FederationMetadata, MetadataRefusal>) =>
    verifiesFederation(valid.federation, source, { ...verify, verifyFederationMetadata: async () => read });

  test("that match the record beside them are used", async () => {
    assert.equal(await verified(ok(content)), true);
  });

  const all = [current, next, former].map(listed);
  const changes: Record<string, Partial<FederationMetadata>> = {
    "are signed by another of their keys": { signedBy: current.kid },
    "list a key more": { idpCertificates: all, stsCertificates: all },
    "list a key less": { idpCertificates: [listed(next)], stsCertificates: [listed(next)] },
    "are another tenant's": { entityId: "https://sts.windows.net/x/" },
  };
  for (const [what, change] of Object.entries(changes)) {
    test(`that ${what} are refused`, async () => assert.equal(await verified(ok({ ...content, ...change })), false));
  }

  test("that do not verify are refused, unless they cannot be verified now", async () => {
    assert.equal(await verified(refuse({ reason: "verifier_not_loaded" })), undefined);
    assert.equal(await verified(refuse({ reason: "document_not_utf8" })), false);
  });
});
