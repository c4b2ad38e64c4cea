import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { addToPublisher } from "../../../src/cli/certificate/publisher-entry.ts";
import { editPolicy } from "../../../src/cli/policy/edit-policy.ts";
import { loadPolicy } from "../../../src/cli/policy/load-policy.ts";
import type { PolicyDocument, PublisherDocument } from "../../../src/domain/policy/document.ts";
import { certificateNotAfterMs, foreign, makeRsa } from "../../support/fixtures/certificates.ts";
import { keyId, validPolicy } from "../../support/fixtures/policy.ts";
import { createCliWorld } from "./cli-world.ts";

const keyOf = (version: string) => keyId.replace("client-assertion", "publisher").replace(/.$/, version);
const current = { keyId: keyOf("a"), certificate: foreign.pem };
const next = { keyId: keyOf("b"), certificate: (await makeRsa(2048)).pem };
const thumbprintOf = ({ certificate }: { certificate: string }) =>
  new X509Certificate(certificate).fingerprint.replaceAll(":", "");

const textWith = (publisher: PublisherDocument | undefined) =>
  `${JSON.stringify({ ...validPolicy(), ...(publisher && { publisher }) }, undefined, 4)}\n`;
const bothListed: PublisherDocument = {
  certificates: [
    { ...current, state: "active" },
    { ...next, state: "staged" },
  ],
};

const added = async (before: PublisherDocument | undefined, certificate: typeof next) => {
  const { place, connect } = createCliWorld(textWith(before));
  const { policyContext: context } = connect({});
  const loaded = await loadPolicy(place, context);
  await editPolicy(loaded, addToPublisher(loaded.document.publisher, certificate), { place, context });
  return place.text;
};

test("the first certificate of a publisher is active, a further one staged, and the text reads as if written so", async () => {
  const first: PublisherDocument = { certificates: [{ ...current, state: "active" }] };
  assert.equal(await added(undefined, current), textWith(first));
  assert.equal(await added(first, next), textWith(bothListed));
});

test("a policy with one key and certificate gets a list with it as the active one", async () => {
  assert.equal(await added(current, next), textWith(bothListed));
});

test("activate lets the staged one sign and the former retire, changes nothing else, and the way back is the same", async () => {
  const world = createCliWorld(textWith(bothListed));
  const { exit, out, err } = await world.run("publisher", "activate");
  assert.equal(exit, 0, err);
  assert.match(out, new RegExp(`^${thumbprintOf(next)} signs idp\\.xml`));
  const swapped = [
    { ...current, state: "retiring" as const },
    { ...next, state: "active" as const },
  ];
  assert.equal(world.place.text, textWith({ certificates: swapped }));
  const back = await world.run(
    "publisher",
    "activate",
    "--certificate",
    thumbprintOf(current).slice(0, 8).toLowerCase(),
  );
  assert.equal(back.exit, 0, back.err);
  const { publisher } = JSON.parse(world.place.text) as PolicyDocument;
  assert.deepEqual(
    publisher?.certificates?.map(({ state }) => state),
    ["active", "retiring"],
  );
});

const refused: [what: string, publisher: PublisherDocument | undefined, args: string[], expected: RegExp][] = [
  ["without a publisher", undefined, [], /no such certificate[\s\S]*: none;/],
  ["with one certificate alone", current, [], /no such certificate/],
  ["of the active one", bothListed, ["--certificate", thumbprintOf(current)], /no such certificate/],
  [
    "of one that is not there",
    bothListed,
    ["--certificate", "0".repeat(40)],
    new RegExp(`${thumbprintOf(next)} \\(staged\\)`),
  ],
];
for (const [what, publisher, args, expected] of refused) {
  test(`activate ${what} changes nothing, and says which there are`, async () => {
    const world = createCliWorld(textWith(publisher));
    const { exit, err } = await world.run("publisher", "activate", ...args);
    assert.equal(exit, 1);
    assert.match(err, expected);
    assert.equal(world.place.writes, 0);
  });
}

test("a certificate that has ended is not activated: relying parties would reject documents that it signs", async () => {
  const world = createCliWorld(textWith(bothListed));
  world.nowMs = certificateNotAfterMs;
  const { exit, err } = await world.run("publisher", "activate");
  assert.equal(exit, 1);
  assert.match(err, /not valid now/);
  assert.equal(world.place.writes, 0);
});

test("certificates prints what relying parties have to know: PEM with a comment, or one state alone", async () => {
  const world = createCliWorld(textWith(bothListed));
  const all = await world.run("publisher", "certificates");
  const blocks = all.out.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  assert.deepEqual(
    blocks.map((pem) => thumbprintOf({ certificate: pem })),
    [thumbprintOf(current), thumbprintOf(next)],
  );
  assert.match(all.out, /^# active, until 2027-01-01T00:00:00Z, SHA-256 [0-9A-F]{64}\n/);
  const staged = await world.run("publisher", "certificates", "--state", "staged");
  assert.equal(thumbprintOf({ certificate: staged.out }), thumbprintOf(next));
  assert.equal((await world.run("publisher", "certificates", "--state", "retiring")).exit, 1);
});

test("credentials status lists each certificate of the publisher with its state, and marks the one that signs", async () => {
  const world = createCliWorld(textWith(bothListed));
  const { out } = await world.run("credentials", "status");
  const lines = out.split("\n").filter((line) => line.startsWith("(publisher)"));
  assert.match(lines[0] ?? "", / active \* /);
  assert.match(lines[1] ?? "", / staged /);
});
