import assert from "node:assert/strict";
import { test } from "node:test";
import type { LastKnownGood } from "../../../../src/domain/metadata/last-known-good.ts";
import { createIdpPublisher, type PublisherPorts } from "../../../../src/domain/metadata/publish-idp.ts";
import { ok } from "../../../../src/domain/shared/result.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { clientId, contosoId } from "../../../support/fixtures/ids.ts";
import { compiled } from "../../../support/fixtures/policy.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const [publisher] = compiled().clients.get(clientId)?.certificates ?? [];
assert.ok(publisher);

const known = (verifiedAtMs: number): LastKnownGood => ({
  version: 2,
  federation: {
    ...{ body: "", sha256: "f", fetchedAtMs: startMs, verifiedAtMs, chain: [] },
    ...{ signedBy: "", keys: [], former: [] },
  },
  keys: [],
});

/** A publisher whose documents are not signed, and how many it has made. */
function createPublisher() {
  const world = { made: 0 };
  const publish = createIdpPublisher({
    verifyFederationMetadata: async () =>
      ok({
        ...{ entityId: "e", signedBy: "", idpCertificates: [], stsCertificates: [] },
        ...{ singleSignOnServices: [], singleLogoutServices: [], otherEndpoints: [] },
      }),
    async signXml(xml) {
      world.made += 1;
      return xml;
    },
  } as Partial<PublisherPorts> as PublisherPorts);
  return Object.assign(world, { publish });
}

test("over ten days of hourly refreshes idp.xml is valid for six to seven days at any time, and made once a day", async () => {
  const world = createPublisher();
  let record = known(startMs);
  for (let nowMs = startMs; nowMs < startMs + 10 * dayMs; nowMs += hourMs) {
    const federation = record.federation && { ...record.federation, verifiedAtMs: nowMs };
    record = await world.publish({ ...record, ...(federation && { federation }) }, contosoId, publisher, nowMs);
    const leftMs = (record.idp?.validUntilMs ?? 0) - nowMs;
    assert.ok(leftMs > 6 * dayMs && leftMs <= 7 * dayMs, `${leftMs / dayMs} days left`);
  }
  assert.equal(world.made, 10);
});

test("metadata that was not confirmed for a day is not vouched for again", async () => {
  const world = createPublisher();
  const { idp } = await world.publish(known(startMs), contosoId, publisher, startMs + dayMs);
  assert.deepEqual([idp, world.made], [undefined, 0]);
});

for (const source of ["common", "organizations", "consumers"]) {
  test(`${source} has no idp.xml, and no signature is made for it`, async () => {
    const world = createPublisher();
    const { idp } = await world.publish(known(startMs), source, publisher, startMs);
    assert.deepEqual([idp, world.made], [undefined, 0]);
  });
}
