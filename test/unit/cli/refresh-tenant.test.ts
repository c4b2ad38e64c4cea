import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyDocument } from "../../../src/domain/policy/document.ts";
import { startMs } from "../../support/fakes/clock.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { named, validPolicy } from "../../support/fixtures/policy.ts";
import { createCliWorld } from "./cli-world.ts";

const now = new Date(startMs).toISOString();

test("tenant refresh adds tokensNotBefore as the entry's last member, and every other character stays", async () => {
  const world = createCliWorld();
  const before = world.place.text;
  const { exit, out } = await world.run("tenant", "refresh", "contoso");
  assert.equal(exit, 0);
  const [first = "", rest = ""] = before.split(ids.contosoId);
  const added = `"state": "active",\n      "tokensNotBefore": "${now}"`;
  assert.equal(world.place.text, `${first}${ids.contosoId}${rest.replace('"state": "active"', added)}`);
  assert.match(out, /contoso \(tenant 20000000-bbbb-4000-8000-000000000001\) has tokensNotBefore 2026-06-01T12:00:00/);
  assert.match(out, /within 60 s/);
  assert.doesNotMatch(out, /suspended/);
});

test("a policy with a byte order mark and names in other letters is changed in its one place, and keeps the mark", async () => {
  const world = createCliWorld();
  world.place.text = `\ufeff${world.place.text.replaceAll('"contoso"', '"München"')}`;
  const before = world.place.text;
  assert.equal((await world.run("tenant", "refresh", "München")).exit, 0);
  const added = new RegExp(`,\\s+"tokensNotBefore": "${now}"`);
  assert.match(world.place.text, added);
  assert.equal(world.place.text.replace(added, ""), before);
});

test("a second refresh, by id, replaces the time of the first", async () => {
  const world = createCliWorld();
  await world.run("tenant", "refresh", "contoso");
  const first = world.place.text;
  world.nowMs += 90_000;
  const { exit, out } = await world.run("tenant", "refresh", ids.contosoId.toUpperCase(), "--json");
  assert.equal(exit, 0);
  const later = new Date(startMs + 90_000).toISOString();
  assert.equal(world.place.text, first.replace(now, later));
  assert.deepEqual(JSON.parse(out), {
    ...{ kind: "tenant", name: "contoso", id: ids.contosoId },
    ...{ tokensNotBefore: later, effectiveWithinSeconds: 60 },
  });
});

test("a refreshed tenant that is suspended stays so, and the answer says it", async () => {
  const world = createCliWorld();
  const { out } = await world.run("tenant", "refresh", "northwind");
  assert.match(out, /northwind .* has tokensNotBefore/);
  assert.match(out, /The tenant is suspended/);
  const { tenants } = JSON.parse(world.place.text) as PolicyDocument;
  assert.equal(named(tenants, "northwind").state, "suspended");
});

test("a tenant that the policy does not have is named in the problem, and nothing is written", async () => {
  const world = createCliWorld();
  const { exit, err } = await world.run("tenant", "refresh", "contosa");
  assert.equal(exit, 1);
  assert.match(err, /No tenant has the name or the id "contosa"/);
  assert.equal(world.place.writes, 0);
});

test("a policy that somebody changed in between is left as they made it by a refresh too", async () => {
  const world = createCliWorld();
  const theirs = JSON.stringify(validPolicy());
  world.place.meanwhile = () => {
    world.place.text = theirs;
  };
  const { exit, err } = await world.run("tenant", "refresh", "contoso");
  assert.equal(exit, 1);
  assert.match(err, /Somebody else changed the policy meanwhile: nothing was changed/);
  assert.equal(world.place.text, theirs);
});
