import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createMetadataKeeper } from "../../../../src/domain/metadata/metadata-keeper.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { type Guid, parseGuid } from "../../../../src/domain/shared/guid.ts";
import { refuse } from "../../../../src/domain/shared/result.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { createFakeMetadataStore } from "../../../support/fakes/metadata-store.ts";

const tenantOf = (index: number): Guid => {
  const id = parseGuid(`10000000-0000-4000-8000-${String(index).padStart(12, "0")}`);
  if (!id) throw new Error("not a GUID");
  return id;
};
const homeTenantId = tenantOf(0);

/** A keeper of the home tenant and `count` more; the provider never answers for those that `hangs` picks. */
function createWorld(count: number, hangs: (tenant: Guid) => boolean) {
  const asked: string[] = [];
  const events: { event: string; source?: string }[] = [];
  const deadlines: { withinMs: number; end: () => void }[] = [];
  let underWay = 0;
  const store = createFakeMetadataStore();
  const world = { asked, events, deadlines, store, most: 0 };
  const tenants = Array.from({ length: count }, (_, index) => tenantOf(index + 1));
  const keeper = createMetadataKeeper(homeTenantId, {
    cloud: clouds.public,
    transport: {
      async get(url) {
        const tenant = [homeTenantId, ...tenants].find((id) => url.includes(id)) ?? homeTenantId;
        asked.push(tenant);
        world.most = Math.max(world.most, ++underWay);
        if (hangs(tenant)) return new Promise(() => {});
        await turn();
        underWay--;
        return refuse({ reason: "not_reachable", code: "ECONNREFUSED" });
      },
    },
    store,
    verifyFederationMetadata: async () => refuse({ reason: "document_not_utf8" }),
    verifyIdpDocument: async () => refuse({ reason: "document_not_utf8" }),
    derive: async (next) => next,
    clock: () => startMs,
    sleep: async () => undefined,
    random: () => 0,
    startDeadline(withinMs) {
      const end = new AbortController();
      deadlines.push({ withinMs, end: () => end.abort() });
      return { atMs: startMs + withinMs, signal: end.signal };
    },
    record: (event) => void events.push(event),
  });
  const sources = new Map(tenants.map((tenant) => [tenant, { tenant, onDiscontinuity: "hold" as const }]));
  keeper.apply({ sources, publisher: undefined });
  const requests = [homeTenantId, ...tenants].map((source) => ({ source, id: "one", by: "anna@example.com", at: "" }));
  return Object.assign(world, { keeper, requests });
}

async function settle(): Promise<void> {
  for (let i = 0; i < 500; i++) await turn();
}

const names = (events: { event: string }[]) => events.map(({ event }) => event);

test("a source that hangs delays no other, and at its deadline the refresh ends and reports it", async () => {
  const world = createWorld(30, (tenant) => tenant === homeTenantId);
  const done = world.keeper.refreshAll();
  await settle();
  assert.equal(new Set(world.asked).size, 31, "all others were asked while one hangs");
  assert.equal(names(world.events).includes("metadata_refresh_finished"), false);
  world.deadlines[0]?.end();
  await done;
  assert.ok(world.events.some(({ event, source }) => event === "metadata_stale" && source === homeTenantId));
  assert.equal(names(world.events).at(-1), "metadata_refresh_finished");
});

test("if as many sources hang as run at once, the others run when their time is over", async () => {
  const hanging = new Set([homeTenantId, ...Array.from({ length: 7 }, (_, index) => tenantOf(index + 1))]);
  const world = createWorld(12, (tenant) => hanging.has(tenant));
  const done = world.keeper.refreshAll();
  await settle();
  assert.equal(new Set(world.asked).size, 8);
  const [run, ...turns] = world.deadlines;
  assert.ok(turns.every(({ withinMs }) => withinMs < (run?.withinMs ?? 0) / 4));
  for (const { end } of turns) end();
  await done;
  assert.equal(new Set(world.asked).size, 13);
});

test("after the deadline no source is asked, and each is reported", async () => {
  const world = createWorld(20, () => true);
  const done = world.keeper.refreshAll();
  await settle();
  world.deadlines[0]?.end();
  await done;
  assert.equal(new Set(world.asked).size, 8);
  assert.equal(names(world.events).filter((event) => event === "metadata_stale").length, 21);
});

test("after the deadline of a run for what is due no further source is asked", async () => {
  const world = createWorld(20, () => true);
  const done = world.keeper.refreshDue(world.requests);
  await settle();
  assert.equal(new Set(world.asked).size, 8);
  world.deadlines[0]?.end();
  await done;
  await settle();
  assert.equal(new Set(world.asked).size, 8);
});

test("a run that is over when storage has answered does not wait for the source", async () => {
  const world = createWorld(0, () => true);
  const { read } = world.store;
  const answering = Promise.withResolvers<void>();
  world.store.read = async (source) => {
    await answering.promise;
    return read(source);
  };
  const done = world.keeper.refreshDue(world.requests).then(() => "ended");
  await settle();
  world.deadlines[0]?.end();
  answering.resolve();
  assert.equal(await Promise.race([done, settle().then(() => "waits")]), "ended");
});

test("at most eight sources, with three documents each, are requested at once", async () => {
  const world = createWorld(40, () => false);
  await world.keeper.refreshAll();
  assert.equal(new Set(world.asked).size, 41);
  assert.ok(world.most > 3, "side by side");
  assert.ok(world.most <= 24, `${world.most}`);
});
