import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { test } from "node:test";
import { signXml, verifyIdpDocument } from "../../../../src/adapters/xml/on-first-use.ts";
import { createMetadataWorld, eventsNamed, homeTenantId } from "../../../support/fixtures/metadata-world.ts";

/** A deployment of which the files with the XML side are missing, until it is mended. */
const broken = registerHooks({
  resolve(specifier, context, next) {
    if (/xml\/federation-metadata\.ts$|\.\/(federation-metadata|idp-document|publisher)\.ts$/.test(specifier))
      throw new Error(`${specifier} is missing`);
    return next(specifier, context);
  },
});

const kept = (text = "{}") => Object.keys(JSON.parse(text)).sort();

test("without the XML code its documents are refused and callers are still verified; once it loads again, refreshes continue", async () => {
  const world = await createMetadataWorld();
  const instance = world.instance();
  await instance.refreshAll();
  assert.deepEqual(
    eventsNamed(world, "metadata_refused").map((event) => "refusal" in event && event.refusal),
    [{ reason: "verifier_not_loaded" }],
  );
  assert.ok(await world.accepts(instance));
  assert.deepEqual(kept(world.store.blobs.get(homeTenantId)?.text), [
    "discovery",
    "jwks",
    "keys",
    "refreshed",
    "version",
  ]);

  let signatures = 0;
  const sign = async () => Buffer.from([++signatures]);
  await assert.rejects(signXml("<a/>", "", sign));
  assert.equal(signatures, 0, "nothing was signed");

  const notLoaded = { ok: false, refusal: { reason: "verifier_not_loaded" } };
  assert.deepEqual(await verifyIdpDocument(Buffer.from("<a/>"), []), notLoaded);

  broken.deregister();
  assert.notDeepEqual(await verifyIdpDocument(Buffer.from("<a/>"), []), notLoaded);
  await instance.refreshAll();
  assert.ok(await world.accepts(instance));
  assert.ok(kept(world.store.blobs.get(homeTenantId)?.text).includes("federation"));
});

test("documents are checked in the order federation metadata, discovery, key set, whatever had to be loaded", async () => {
  const world = await createMetadataWorld();
  await world.instance().refreshAll();
  assert.deepEqual(
    eventsNamed(world, "metadata_promoted").map((event) => "document" in event && event.document),
    ["federation", "discovery", "jwks"],
  );
});
