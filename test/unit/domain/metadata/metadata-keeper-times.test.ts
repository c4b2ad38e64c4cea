/** When the keeper's timers wait, warn and read storage again, to the millisecond. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createMetadataKeeper, type MetadataKeeper } from "../../../../src/domain/metadata/metadata-keeper.ts";
import { ok } from "../../../../src/domain/shared/result.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { older } from "../../../support/fixtures/credentials.ts";
import { contosoId, fabrikamId } from "../../../support/fixtures/ids.ts";
import { createKeptWorld } from "../../../support/fixtures/kept-world.ts";
import { answer, foreign, jwksOf, one, two, unreachable } from "../../../support/fixtures/refresh-world.ts";

const hourMs = 3_600_000;
let world: ReturnType<typeof createKeptWorld>;
let nowMs: number;
let slept: number[];
let limits: number[];
let keeper: MetadataKeeper;
beforeEach(() => {
  world = createKeptWorld();
  [nowMs, slept, limits] = [startMs, [], []];
  keeper = createMetadataKeeper(contosoId, {
    ...world.ports,
    store: world.store,
    verifyIdpDocument: async () => ok({ entityId: "", validUntilMs: 0, certificates: [] }),
    derive: (next, source, _publisher, atMs) => world.derive(next, source, atMs),
    clock: () => nowMs,
    async sleep(ms) {
      slept.push(ms);
      nowMs += ms;
    },
    random: () => 0.5,
    startDeadline(withinMs) {
      limits.push(withinMs);
      return { atMs: nowMs + withinMs, signal: new AbortController().signal };
    },
  });
});
const publisher = { active: older, certificates: [older] };
const named = (name: string) => world.events.filter(({ event }) => event === name);
const stale = (ageSeconds?: number) => [{ event: "metadata_stale", source: contosoId, ageSeconds }];

describe("the hourly refresh", () => {
  test("begins after up to ten seconds, has four minutes in total and half a minute for a source", async () => {
    await keeper.refreshAll();
    assert.deepEqual([slept, limits], [[5_000], [240_000, 30_000]]);
    assert.deepEqual(world.events.at(-1), { event: "metadata_refresh_finished", sources: 1, durationMs: 5_000 });
  });

  test("warns of a source that was not confirmed for six hours, and of one that never was", async () => {
    await keeper.home.refresh(startMs);
    world.answers = { federation: unreachable, discovery: unreachable, jwks: unreachable };
    nowMs = startMs + 6 * hourMs - 5_001;
    await keeper.refreshAll();
    assert.deepEqual(named("metadata_stale"), []);
    nowMs = startMs + 6 * hourMs - 5_000;
    await keeper.refreshAll();
    assert.deepEqual(named("metadata_stale"), stale(21_600));
  });

  test("warns if one of the two documents was not confirmed, although the other was", async () => {
    await keeper.home.refresh(startMs);
    world.answers.federation = unreachable;
    nowMs = startMs + 6 * hourMs;
    await keeper.refreshAll();
    assert.deepEqual(named("metadata_stale"), stale(21_605));
  });

  test("reports no age for a source of which one document was never fetched", async () => {
    world.answers.federation = unreachable;
    await keeper.refreshAll();
    assert.deepEqual(named("metadata_stale"), stale());
  });

  test("reports a lasting alarm again, but only once in the run that raised it", async () => {
    keeper.apply({ sources: new Map(), publisher: undefined });
    world.answers.federation = unreachable;
    await keeper.refreshAll();
    world.answers.jwks = answer(jwksOf(foreign));
    const names = ["metadata_discontinuous", "metadata_keys_replaced"];
    for (const expected of [1, 2, 3]) {
      await keeper.refreshAll();
      assert.deepEqual(
        names.map((name) => named(name).length),
        [expected, expected],
      );
    }
    for (const name of names) {
      const [first, again] = named(name);
      assert.deepEqual(again, first);
    }
  });
});

describe("the policy's rule for a discontinuity", () => {
  const outcomeOf = async (apply: () => void) => {
    world.answers.federation = unreachable;
    await keeper.home.refresh(nowMs);
    world.answers.jwks = answer(jwksOf(foreign));
    apply();
    return (await keeper.home.refresh(nowMs + 1))?.refreshed?.jwks;
  };
  const source = { tenant: contosoId, onDiscontinuity: "hold" as const };

  test("is hold before there is a policy", async () => {
    assert.equal(await outcomeOf(() => undefined), "held");
  });

  test("is accept if the policy has no rule", async () => {
    assert.equal(await outcomeOf(() => keeper.apply({ sources: new Map(), publisher: undefined })), "changed");
  });

  test("is applied", async () => {
    const apply = () => keeper.apply({ sources: new Map([[contosoId, source]]), publisher: undefined });
    assert.equal(await outcomeOf(apply), "held");
  });
});

describe("an applied policy", () => {
  const source = { tenant: fabrikamId, onDiscontinuity: "hold" as const };

  test("keeps the earlier sources, drops those that it no longer has, and never drops the home tenant", () => {
    const { home } = keeper;
    keeper.apply({ sources: new Map([[fabrikamId, source]]), publisher: undefined });
    const kept = keeper.find(fabrikamId);
    assert.ok(kept);
    keeper.apply({ sources: new Map([[fabrikamId, source]]), publisher: undefined });
    assert.equal(keeper.find(fabrikamId), kept);
    keeper.apply({ sources: new Map(), publisher: undefined });
    assert.deepEqual([keeper.find(fabrikamId), keeper.find(contosoId)], [undefined, home]);
  });
});

describe("a withdrawn key", () => {
  const source = { tenant: fabrikamId, onDiscontinuity: "accept-and-alarm" as const };

  test("is none while nothing is known", () => {
    assert.deepEqual([...keeper.withdrawnKeys(nowMs)], []);
  });

  test("of one source is not withdrawn while another source still publishes it", async () => {
    keeper.apply({ sources: new Map([[fabrikamId, source]]), publisher: undefined });
    world.answers.federation = unreachable;
    const refresh = async (name: string, atMs: number, ...published: Parameters<typeof jwksOf>) => {
      world.answers.jwks = answer(jwksOf(...published));
      await keeper.find(name)?.refresh(startMs + atMs);
      return [...keeper.withdrawnKeys(startMs + atMs).keys()];
    };
    await refresh(contosoId, 0, one);
    await refresh(contosoId, 1, one, two);
    assert.deepEqual(await refresh(contosoId, 2, two), [one.kid]);
    assert.deepEqual(await refresh(fabrikamId, 3, one), []);
    await refresh(fabrikamId, 4, one, two);
    assert.deepEqual(await refresh(fabrikamId, 5, two), [one.kid], "no source publishes it any more");
  });
});

describe("storage", () => {
  test("is read again for a source with nothing due after five minutes", async () => {
    await keeper.refreshDue([]);
    nowMs += 299_999;
    await keeper.refreshDue([]);
    assert.equal(world.reads, 1);
    nowMs += 1;
    await keeper.refreshDue([]);
    assert.equal(world.reads, 2);
  });

  test("is not read for a source that waits for its next attempt", async () => {
    keeper.apply({ sources: new Map(), publisher });
    await keeper.refreshDue([]);
    const before = world.reads;
    nowMs += 29_999;
    await keeper.refreshDue([]);
    assert.equal(world.reads, before);
  });

  test("is read again by the readiness probe after a minute, for a source that is not published", async () => {
    keeper.apply({ sources: new Map(), publisher });
    for (const [afterMs, reads] of [
      [0, 1],
      [59_999, 1],
      [60_000, 2],
    ] as const) {
      keeper.unpublished(startMs + afterMs);
      await turn();
      assert.equal(world.reads, reads, `${afterMs}`);
    }
  });
});

test("a request without success is repeated after half a minute, then less and less often", async () => {
  keeper.apply({ sources: new Map(), publisher });
  const attempts: number[] = [];
  const attempt = async (atMs: number) => {
    nowMs = startMs + atMs;
    const before = world.refreshes();
    await keeper.refreshDue([]);
    if (world.refreshes() > before) attempts.push(atMs);
  };
  for (const atMs of [0, 29_999, 30_000, 89_999, 90_000]) await attempt(atMs);
  assert.deepEqual(attempts, [0, 30_000, 90_000]);
});
