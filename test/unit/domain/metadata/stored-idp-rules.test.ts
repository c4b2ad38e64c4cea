/** The rules for a stored `idp.xml` to be served. Each test changes one thing of a valid one. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FederationRecord, IdpRecord } from "../../../../src/domain/metadata/last-known-good.ts";
import type { VerifiedIdp } from "../../../../src/domain/metadata/ports.ts";
import type { MetadataRefusal } from "../../../../src/domain/metadata/refusal.ts";
import { verifiesIdp } from "../../../../src/domain/metadata/stored-idp.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { ok, type Result, refuse } from "../../../../src/domain/shared/result.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { contosoId } from "../../../support/fixtures/ids.ts";

const keyOf = (kid: string) => ({ kid, n: kid, e: "AQAB", certificate: `certificate of ${kid}` });
const [current, former, foreign] = [keyOf("current"), keyOf("former"), keyOf("foreign")];
const document = { body: "", sha256: "x", fetchedAtMs: startMs, verifiedAtMs: startMs, chain: [] };
const federation: FederationRecord = { ...document, signedBy: current.kid, keys: [current], former: [former] };
const idp: IdpRecord = {
  body: Buffer.from("<EntityDescriptor/>").toString("base64"),
  ...{ sha256: "x", madeFromSha256: "x", publisherX5tS256: "x" },
  validUntilMs: startMs,
};
const valid = { federation, idp };
const source = { tenant: contosoId };

describe("a stored idp.xml", () => {
  const entityId = `https://sts.windows.net/${contosoId}/`;
  const content = { entityId, validUntilMs: startMs, certificates: [current.certificate, former.certificate] };
  const given: unknown[] = [];
  const verifies = (read: Result<VerifiedIdp, MetadataRefusal>, stored: Partial<typeof valid> = valid) =>
    verifiesIdp(stored, source, ["publisher"], {
      cloud: clouds.public,
      async verifyIdpDocument(body, publisherDers) {
        given.push([Buffer.from(body).toString(), publisherDers]);
        return read;
      },
    });

  test("is served if it names this tenant and keys that the federation metadata list, now or before", async () => {
    assert.equal(await verifies(ok(content)), true);
    assert.deepEqual(given, [["<EntityDescriptor/>", ["publisher"]]], "the bytes of it were verified");
  });

  const changes: Record<string, Partial<VerifiedIdp>> = {
    "names another tenant": { entityId: "https://sts.windows.net/x/" },
    "is valid for another time": { validUntilMs: startMs + 1 },
    "holds one key that nobody knows": { certificates: [current.certificate, foreign.certificate] },
  };
  for (const [what, change] of Object.entries(changes)) {
    test(`that ${what} is not served`, async () => assert.equal(await verifies(ok({ ...content, ...change })), false));
  }

  test("that does not verify is not served, and if it cannot be verified now that is reported", async () => {
    assert.equal(await verifies(refuse({ reason: "document_not_utf8" })), false);
    assert.equal(await verifies(refuse({ reason: "verifier_not_loaded" })), undefined);
  });

  test("is not served if it does not exist, or without the federation metadata that list its keys", async () => {
    assert.equal(await verifies(ok({ ...content, certificates: [] }), { federation: valid.federation }), false);
    assert.equal(await verifies(ok({ ...content, certificates: [] }), { idp }), false);
  });
});
