import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { forgeFederationMetadata } from "../../local/emulators/entra/forged-metadata.ts";
import { createAttackerCertificates, type LeafKind } from "../../local/stack/attacker-certificates.ts";
import { type EvilAnswer, startManInTheMiddle } from "../../local/stack/man-in-the-middle.ts";
import { createPinnedFetch } from "../../src/adapters/tls/pinned-get.ts";
import { clouds } from "../../src/domain/shared/cloud.ts";
import { createMetadataWorld, eventsNamed, homeTenantId, hourMs } from "../support/fixtures/metadata-world.ts";

/** Real TLS from here on: the pinned transport, and somebody on the way with a certificate and perfect documents. */
const host = clouds.public.authorityHost;
const { rootPem, unknownRootPem, leaves } = await createAttackerCertificates(host);
const forgery = await forgeFederationMetadata({ tenantId: homeTenantId });
const evil: EvilAnswer = ({ url }) => {
  if (url.pathname.toLowerCase().includes("federationmetadata")) return { status: 200, body: forgery.document };
  return url.pathname.includes("keys") ? { status: 200, body: forgery.jwks } : undefined;
};

/** `lookup` and `port` stand for what somebody on the way does to names and routes. */
function transportTo(port: number, roots: string[]) {
  const get = createPinnedFetch({
    roots,
    allowedHosts: new Set([host]),
    port,
    lookup: (_name, options, done) =>
      options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
  });
  return { get: (url: string, etag?: string) => get(url, etag === undefined ? {} : { etag }) };
}

async function worldBehind(leaf: LeafKind, passing = 0) {
  const world = await createMetadataWorld();
  const upstream = { port: world.entra.port, ca: world.authority.certificate, servername: host };
  const man = await startManInTheMiddle({ port: 0, tls: leaves[leaf], upstream, answer: evil, passing });
  after(() => man.stop());
  return { world, man };
}

for (const leaf of Object.keys(leaves) as LeafKind[]) {
  if (leaf === "good") continue;
  test(`with a man in the middle who has a ${leaf} certificate, no known document changes, and an alarm is raised`, async () => {
    const { world, man } = await worldBehind(leaf);
    const honest = transportTo(world.entra.port, [world.authority.certificate]);
    world.transport = { get: (url, etag) => current.get(url, etag) };
    let current = honest;
    const instance = world.instance();
    assert.ok(await world.accepts(instance));
    const before = world.store.blobs.get(homeTenantId)?.text ?? "";
    current = transportTo(man.port, [world.authority.certificate, rootPem]);
    world.wait(hourMs);
    await instance.refreshAll();
    const refused = eventsNamed(world, "metadata_refused");
    assert.equal(refused.length, 3);
    for (const event of refused) {
      assert.ok("refusal" in event && event.refusal && event.refusal.reason === "tls_not_trusted");
    }
    assert.equal(man.exchanges.length, 0, "not even the question was asked");
    const after = JSON.parse(world.store.blobs.get(homeTenantId)?.text ?? "{}");
    for (const document of ["federation", "discovery", "jwks"]) {
      assert.deepEqual(after[document], JSON.parse(before)[document]);
    }
    assert.ok(await world.accepts(instance));
  });
}

test("a patient attacker with a certificate of a pinned root, honest for two polls, is held, alarmed and refused", async () => {
  const { world, man } = await worldBehind("good", 6);
  world.transport = transportTo(man.port, [rootPem]);
  const instance = world.instance("hold");
  await instance.refreshAll();
  world.wait(hourMs);
  await instance.refreshAll();
  assert.equal(eventsNamed(world, "metadata_discontinuous").length, 0);
  const before = JSON.parse(world.store.blobs.get(homeTenantId)?.text ?? "{}");
  world.wait(hourMs);
  await instance.refreshAll();
  assert.ok(
    man.exchanges.some(({ replaced }) => replaced),
    "the attack took place",
  );
  assert.equal(eventsNamed(world, "metadata_discontinuous").length, 2);
  const after = JSON.parse(world.store.blobs.get(homeTenantId)?.text ?? "{}");
  assert.equal(after.jwks.sha256, before.jwks.sha256);
  assert.equal(after.federation.sha256, before.federation.sha256);
});

const environments: Record<string, (folder: string) => Record<string, string>> = {
  NODE_EXTRA_CA_CERTS: (folder) => ({ NODE_EXTRA_CA_CERTS: join(folder, "root.pem") }),
  "NODE_TLS_REJECT_UNAUTHORIZED=0": () => ({ NODE_TLS_REJECT_UNAUTHORIZED: "0" }),
};
for (const [name, environment] of Object.entries(environments)) {
  test(`under ${name} a process still refuses the attacker's certificate`, async () => {
    const { world, man } = await worldBehind("unknownCa");
    const folder = await mkdtemp(join(tmpdir(), "keyhold-mitm-"));
    after(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, "root.pem"), unknownRootPem);
    await writeFile(join(folder, "pinned.pem"), world.authority.certificate);
    const probe = fileURLToPath(new URL("../support/fixtures/pinned-probe.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [probe, `${man.port}`, join(folder, "pinned.pem")], {
      env: { PATH: process.env.PATH, ...environment(folder) },
    });
    assert.deepEqual(JSON.parse(stdout), { ok: false, refusal: "tls_not_trusted", defaultStore: "answered" });
  });
}
