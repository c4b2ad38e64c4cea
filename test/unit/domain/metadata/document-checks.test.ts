/** Stored documents are verified once, and again as soon as anything changes. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { generateSigningKey } from "../../../../local/emulators/entra/signing-key.ts";
import { createDocumentChecks, type DocumentChecks } from "../../../../src/domain/metadata/document-checks.ts";
import type { MetadataEvent } from "../../../../src/domain/metadata/events.ts";
import type { FederationMetadata } from "../../../../src/domain/metadata/federation-metadata.ts";
import type { IdpRecord, LastKnownGood } from "../../../../src/domain/metadata/last-known-good.ts";
import type { VerifiedIdp } from "../../../../src/domain/metadata/ports.ts";
import type { MetadataRefusal } from "../../../../src/domain/metadata/refusal.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { ok, type Result, refuse } from "../../../../src/domain/shared/result.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { older } from "../../../support/fixtures/credentials.ts";
import { contosoId } from "../../../support/fixtures/ids.ts";
import { documentRecord, publishedKey } from "../../../support/fixtures/stored-metadata.ts";

const [current, next] = [publishedKey(await generateSigningKey()), publishedKey(await generateSigningKey())];
const entityId = `https://sts.windows.net/${contosoId}/`;
const federation = { ...documentRecord("federation", startMs), signedBy: current.kid, keys: [current], former: [] };
const idp: IdpRecord = {
  ...{ body: documentRecord("idp", startMs).body, sha256: documentRecord("idp", startMs).sha256 },
  ...{ madeFromSha256: federation.sha256, publisherX5tS256: older.x5tS256, validUntilMs: startMs },
};
const record: LastKnownGood = { version: 2, federation, idp, keys: [] };
const listed = [{ thumbprint: current.kid, der: current.certificate, modulusBits: 2048, notAfterMs: startMs }];
const location = `https://${clouds.public.authorityHost}/${contosoId}/saml2`;
const content: FederationMetadata = {
  ...{ entityId, signedBy: current.kid, idpCertificates: listed, stsCertificates: listed },
  ...{ singleSignOnServices: [{ binding: "x", location }], singleLogoutServices: [], otherEndpoints: [] },
};
const idpContent: VerifiedIdp = { entityId, validUntilMs: startMs, certificates: [current.certificate] };
const notLoaded = refuse({ reason: "verifier_not_loaded" as const });

let checks: DocumentChecks;
let publisherDers: readonly string[];
let events: MetadataEvent[];
let verified: { federation: number; idp: number };
/** What the verifiers say, until a test says otherwise. */
let federationIs: Result<FederationMetadata, MetadataRefusal>;
let idpIs: () => Promise<Result<VerifiedIdp, MetadataRefusal>>;
beforeEach(() => {
  [publisherDers, events, verified] = [[older.der], [], { federation: 0, idp: 0 }];
  [federationIs, idpIs] = [ok(content), async () => ok(idpContent)];
  checks = createDocumentChecks(
    { tenant: contosoId },
    {
      cloud: clouds.public,
      publisherDers: () => publisherDers,
      record: (event) => void events.push(event),
      async verifyFederationMetadata() {
        verified.federation += 1;
        return federationIs;
      },
      async verifyIdpDocument() {
        verified.idp += 1;
        return idpIs();
      },
    },
  );
});

describe("federation metadata", () => {
  test("is verified once", async () => {
    assert.deepEqual([await checks.federation(federation), await checks.federation(federation)], [true, true]);
    assert.equal(verified.federation, 1);
  });

  const others: Record<string, Partial<typeof federation>> = {
    "of another hash": { sha256: "other" },
    "with another signer": { signedBy: next.kid },
    "with another key": { keys: [next] },
  };
  for (const [what, change] of Object.entries(others)) {
    test(`${what} is not treated as the verified document`, async () => {
      assert.equal(await checks.federation(federation), true);
      federationIs = refuse({ reason: "digest_mismatch" });
      assert.equal(await checks.federation({ ...federation, ...change }), false);
    });
  }

  test("that does not verify the first time does not verify the second time either", async () => {
    federationIs = refuse({ reason: "digest_mismatch" });
    assert.deepEqual([await checks.federation(federation), await checks.federation(federation)], [false, false]);
  });

  test("whose verification was not possible may be verified later", async () => {
    federationIs = notLoaded;
    assert.equal(await checks.federation(federation), undefined);
    federationIs = ok(content);
    assert.equal(await checks.federation(federation), true);
  });
});

describe("idp.xml", () => {
  test("is verified once, by the first request", async () => {
    assert.deepEqual(await Promise.all([checks.idp(record), checks.idp(record)]), [true, true]);
    assert.equal(await checks.idp(record), true);
    assert.deepEqual([verified.idp, events], [1, []]);
  });

  test("that does not verify is reported once", async () => {
    idpIs = async () => refuse({ reason: "digest_mismatch" });
    assert.deepEqual([await checks.idp(record), await checks.idp(record)], [false, false]);
    const rule = "idp.xml is not one of the publisher's";
    assert.deepEqual(events, [{ event: "metadata_record_refused", source: contosoId, rule }]);
  });

  test("has no verification result if it does not exist, or if no certificate could have signed it", async () => {
    const { idp: _, ...without } = record;
    assert.equal(await checks.idp(without), undefined);
    publisherDers = [];
    assert.equal(await checks.idp(record), undefined);
    assert.deepEqual([verified.idp, events], [0, []]);
  });

  const changes: Record<string, () => LastKnownGood> = {
    "of another hash": () => ({ ...record, idp: { ...idp, sha256: "other" } }),
    "with another time beside it": () => ({ ...record, idp: { ...idp, validUntilMs: startMs + 1 } }),
    "of a publisher that the policy lists no more": () => {
      publisherDers = ["other"];
      return record;
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    test(`${what} is not treated as the verified document`, async () => {
      assert.equal(await checks.idp(record), true);
      idpIs = async () => refuse({ reason: "digest_mismatch" });
      assert.equal(await checks.idp(change()), false);
    });
  }

  test("is verified again if the federation metadata changes, which lists its keys", async () => {
    await checks.federation(federation);
    assert.equal(await checks.idp(record), true);
    const other = { ...federation, sha256: "other" };
    await checks.federation(other);
    assert.equal(await checks.idp({ ...record, federation: other }), true);
    assert.equal(verified.idp, 2);
  });

  test("whose verification was not possible may be verified later, and what was verified meanwhile is not verified again", async () => {
    const first = Promise.withResolvers<typeof notLoaded>();
    idpIs = () => first.promise;
    const early = checks.idp(record);
    idpIs = async () => ok(idpContent);
    const renewed = { ...record, idp: { ...idp, sha256: "renewed" } };
    assert.equal(await checks.idp(renewed), true);
    first.resolve(notLoaded);
    assert.equal(await early, undefined);
    assert.equal(await checks.idp(renewed), true);
    assert.equal(verified.idp, 2);
    assert.equal(await checks.idp(record), true);
  });

  test("whose verification was not possible is verified by the next request", async () => {
    idpIs = async () => notLoaded;
    assert.equal(await checks.idp(record), undefined);
    idpIs = async () => ok(idpContent);
    assert.equal(await checks.idp(record), true);
    assert.deepEqual(events, []);
  });
});
