import assert from "node:assert/strict";
import { test } from "node:test";
import { generateSigningKey } from "../../../local/emulators/entra/signing-key.ts";
import type { LastKnownGood } from "../../../src/domain/metadata/last-known-good.ts";
import { startMs } from "../../support/fakes/clock.ts";
import { certificateNotAfterMs } from "../../support/fixtures/certificates.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { compiled } from "../../support/fixtures/policy.ts";
import { documentRecord, jwksRecord, publishedKey } from "../../support/fixtures/stored-metadata.ts";
import { createCliWorld } from "./cli-world.ts";

const hourMs = 3_600_000;
const minuteMs = 60_000;

const names = ["signs", "used", "new", "going", "gone"] as const;
type Name = (typeof names)[number];
const generated = await Promise.all(names.map(async (name) => [name, await generateSigningKey()] as const));
const signingKeys = Object.fromEntries(generated) as Record<Name, (typeof generated)[0][1]>;
const published = (name: Name) => publishedKey(signingKeys[name]);

function known(verifiedAtMs: number): LastKnownGood {
  const key = (name: Name, times: object) => ({
    ...published(name),
    firstSeenMs: startMs - 9 * hourMs,
    lastSeenMs: startMs,
    ...times,
  });
  const listed = ["signs", "used", "new"] as const;
  const federation = documentRecord("<EntityDescriptor/>", verifiedAtMs);
  return {
    version: 2,
    federation: { ...federation, signedBy: published("signs").kid, keys: listed.map(published), former: [] },
    jwks: jwksRecord(
      listed.map((name) => signingKeys[name]),
      verifiedAtMs,
    ),
    keys: [
      key("signs", {}),
      key("used", { firstUsedMs: startMs - hourMs }),
      key("new", {}),
      key("going", { removedMs: startMs - hourMs, lastSeenMs: startMs - hourMs, firstUsedMs: 1 }),
      key("gone", { removedMs: startMs - 50 * hourMs, lastSeenMs: startMs - 50 * hourMs, firstUsedMs: 1 }),
    ],
  };
}

test("metadata: age, TLS and each key with the state that follows from what was seen", async () => {
  const world = createCliWorld();
  world.metadataStore.blobs.set(ids.homeTenantId, { text: JSON.stringify(known(startMs - 5 * minuteMs)), etag: "1" });
  const { exit, out } = await world.run("metadata", "status");
  assert.equal(exit, 0);
  assert.match(out, /verified 5 min ago\n {2}TLS certificate AB:CD/);
  const states = { signs: "active", used: "active", new: "announced", going: "retiring", gone: "retired" };
  for (const name of names) {
    const line = `${published(name).kid}  ${states[name]}`;
    assert.ok(out.includes(line), `${line} in\n${out}`);
  }
});

test("metadata whose record does not verify is exit code 1, and the rule is said", async () => {
  const world = createCliWorld();
  const record = known(startMs);
  const [first, second] = record.keys;
  assert.ok(first && second);
  first.certificate = second.certificate;
  world.metadataStore.blobs.set(ids.homeTenantId, { text: JSON.stringify(record), etag: "1" });
  const { exit, out } = await world.run("metadata", "status");
  assert.equal(exit, 1);
  assert.match(out, /what is stored is refused: a key is not the one of its certificate/);
});

test("metadata that is stale, or was never accepted, is exit code 1", async () => {
  const world = createCliWorld();
  assert.equal((await world.run("metadata", "status")).exit, 1);
  world.metadataStore.blobs.set(ids.homeTenantId, { text: JSON.stringify(known(startMs - 2 * hourMs - 1)), etag: "1" });
  const { exit, out } = await world.run("metadata", "status", "--json");
  const [state] = JSON.parse(out) as { isStale: boolean; verifiedAt: string; keys: { kid: string }[] }[];
  assert.deepEqual([exit, state?.isStale, state?.verifiedAt], [1, true, "2026-06-01T09:59:59Z"]);
  assert.equal(state?.keys.length, 5);
});

test("a metadata container that does not answer is exit code 3", async () => {
  const world = createCliWorld();
  world.metadataStore.isDown = true;
  const { exit, err } = await world.run("metadata", "status");
  assert.equal(exit, 3);
  assert.match(err, /KEYHOLD_METADATA_CONTAINER_URL/);
});

const [certificate] = compiled().clients.get(ids.clientId)?.certificates ?? [];
assert.ok(certificate);
const record = { x5tS256: certificate.x5tS256, state: "active" as const, sinceMs: startMs - 9 * hourMs };

test("credentials: what signs is marked, with its canary and what is left of its time", async () => {
  const world = createCliWorld();
  world.credentialStore.states.set(ids.clientId, [{ ...record, canary: { atMs: startMs - minuteMs * 5, ok: true } }]);
  const { exit, out } = await world.run("credentials", "status");
  assert.equal(exit, 0);
  assert.match(
    out,
    /broker\s+client-assertion\s+01234567\s+[0-9A-F]{8}\s+active \*\s+ok, 5 min ago\s+2027-01-01 \(213 d\)\s+-/,
  );
});

const troubles: [what: string, differing: object, nowMs: number, expected: RegExp][] = [
  [
    "a failed canary",
    { canary: { atMs: startMs, ok: false, reason: "credential_rejected", codes: [700027] } },
    startMs,
    /failed 700027, 0 s ago.*canary failed: credential_rejected/,
  ],
  ["a disabled key", { disabledAtMs: startMs }, startMs, /key disabled since 2026-06-01T12:00:00Z/],
  ["30 days or less", {}, certificateNotAfterMs - 30 * 24 * hourMs, /expires soon/],
  ["an end that has come", {}, certificateNotAfterMs, /\(over\).*expired/],
];
for (const [what, differing, nowMs, expected] of troubles) {
  test(`credentials: ${what} is told, and is exit code 1`, async () => {
    const world = createCliWorld();
    world.nowMs = nowMs;
    world.credentialStore.states.set(ids.clientId, [{ ...record, ...differing }]);
    const { exit, out } = await world.run("credentials", "status");
    assert.equal(exit, 1);
    assert.match(out.split("\n").find((line) => line.startsWith("broker")) ?? "", expected);
  });
}

test("a table that does not answer is exit code 3", async () => {
  const world = createCliWorld();
  world.credentialStore.failure = new Error("down");
  const { exit, err } = await world.run("credentials", "status", "--json");
  assert.equal(exit, 3);
  assert.match(err, /KEYHOLD_AUDIT_TABLE_URL/);
});
