/** How one refresh treats keys that are new: as the provider's next keys, or as foreign ones. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { LastKnownGood, StandingAlarm } from "../../../../src/domain/metadata/last-known-good.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { contosoId } from "../../../support/fixtures/ids.ts";
import {
  answer,
  createRefreshWorld,
  type DocumentName,
  documentsOf,
  federationOf,
  foreign,
  jwksOf,
  kidsOf,
  one,
  outcomesOf,
  three,
  two,
  unchanged,
  unreachable,
} from "../../../support/fixtures/refresh-world.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

let world: ReturnType<typeof createRefreshWorld>;
beforeEach(() => {
  world = createRefreshWorld();
});

describe("a refresh", () => {
  const nowMs = startMs + hourMs;
  let known: LastKnownGood;
  beforeEach(async () => {
    world.answers.jwks = answer(jwksOf(one), '"jwks"');
    known = await world.refresh(undefined, startMs);
  });

  test("with a new key that the new federation metadata list follows, even if the policy says hold", async () => {
    world.answers = { ...world.answers, federation: answer(federationOf(one, two)), jwks: answer(jwksOf(one, two)) };
    const next = await world.refresh(known, nowMs);
    assert.deepEqual(outcomesOf(next), ["changed", "unchanged", "changed"]);
    for (const document of ["federation", "jwks"] as const) {
      const promoted = { event: "metadata_promoted", source: contosoId, document, continuity: "continuous" };
      assert.deepEqual(world.eventsOf(document), [{ ...promoted, added: [two.kid], removed: [] }]);
    }
    assert.deepEqual([next.alarms, kidsOf(next.keys)], [undefined, [one.kid, two.kid]]);
  });

  test("with a key that only the previous federation metadata list follows, if today's are missing", async () => {
    world.answers.federation = answer(federationOf(one, two));
    const announced = await world.refresh(known, nowMs);
    world.answers = { ...world.answers, federation: unreachable, jwks: answer(jwksOf(two)) };
    const next = await world.refresh(announced, nowMs + hourMs);
    assert.equal(next.refreshed?.jwks, "changed");
    assert.deepEqual(kidsOf(next.jwks?.keys), [two.kid]);
  });

  const change = { added: [foreign.kid], removed: [one.kid] };
  const of = (document: DocumentName) => ({ source: contosoId, document, ...change });
  const alarm = (event: StandingAlarm["event"], document: DocumentName) => ({
    event,
    document,
    ...change,
    atMs: nowMs,
  });

  test("of foreign keys is held if the policy says so, and none of them counts as seen", async () => {
    world.answers = { ...world.answers, federation: answer(federationOf(foreign)), jwks: answer(jwksOf(foreign)) };
    const next = await world.refresh(known, nowMs, "hold");
    assert.deepEqual([documentsOf(next).federation, documentsOf(next).jwks], [known.federation, known.jwks]);
    assert.deepEqual([next.keys, next.alarms], [known.keys, undefined]);
    assert.deepEqual(outcomesOf(next), ["held", "unchanged", "held"]);
    for (const document of ["federation", "jwks"] as const) {
      assert.deepEqual(world.eventsOf(document), [
        { event: "metadata_discontinuous", action: "held", ...of(document) },
      ]);
    }
  });

  test("of foreign keys is otherwise accepted, with alarms that last for a day", async () => {
    world.answers = { ...world.answers, federation: answer(federationOf(foreign)), jwks: answer(jwksOf(foreign)) };
    const next = await world.refresh(known, nowMs, "accept-and-alarm");
    assert.deepEqual(outcomesOf(next), ["changed", "unchanged", "changed"]);
    assert.deepEqual(world.events, [
      { event: "metadata_discontinuous", action: "accepted", ...of("federation") },
      { event: "metadata_promoted", continuity: "discontinuous", ...of("federation") },
      { event: "metadata_keys_replaced", ...of("federation") },
      { event: "metadata_promoted", continuity: "continuous", ...of("jwks") },
      { event: "metadata_keys_replaced", ...of("jwks") },
    ]);
    assert.deepEqual(next.alarms, [
      alarm("metadata_discontinuous", "federation"),
      alarm("metadata_keys_replaced", "federation"),
      alarm("metadata_keys_replaced", "jwks"),
    ]);
    const later = await world.refresh(next, nowMs + dayMs - 1, "accept-and-alarm");
    assert.deepEqual([later.alarms, world.events], [next.alarms, []]);
    assert.equal((await world.refresh(later, nowMs + dayMs, "accept-and-alarm")).alarms, undefined);
  });

  test("of a foreign key set alone raises an alarm, and withdraws no key, because it is discontinuous", async () => {
    world.answers.jwks = answer(jwksOf(foreign));
    const next = await world.refresh(known, nowMs, "accept-and-alarm");
    assert.deepEqual(world.eventsOf("jwks"), [
      { event: "metadata_discontinuous", action: "accepted", ...of("jwks") },
      { event: "metadata_promoted", continuity: "discontinuous", ...of("jwks") },
      { event: "metadata_keys_replaced", ...of("jwks") },
    ]);
    assert.deepEqual(next.alarms, [alarm("metadata_discontinuous", "jwks"), alarm("metadata_keys_replaced", "jwks")]);
    assert.deepEqual(
      next.keys.map(({ kid, removedMs, withdrawnMs }) => [kid, removedMs, withdrawnMs]),
      [
        [one.kid, nowMs, undefined],
        [foreign.kid, undefined, undefined],
      ],
    );
  });

  test("of one foreign key beside the previous one raises an alarm, but not that of a replacement", async () => {
    world.answers.jwks = answer(jwksOf(one, foreign));
    const next = await world.refresh(known, nowMs, "accept-and-alarm");
    const alarm = { event: "metadata_discontinuous", document: "jwks", added: [foreign.kid], removed: [] };
    assert.deepEqual(next.alarms, [{ ...alarm, atMs: nowMs }]);
    assert.deepEqual(
      world.eventsOf("jwks").map(({ event }) => event),
      ["metadata_discontinuous", "metadata_promoted"],
    );
  });

  test("after an unplanned rollover that follows withdraws the previous key", async () => {
    world.answers = { ...world.answers, federation: answer(federationOf(one, two)), jwks: answer(jwksOf(two)) };
    const next = await world.refresh(known, nowMs);
    assert.deepEqual(
      next.keys.map(({ kid, withdrawnMs }) => [kid, withdrawnMs]),
      [
        [one.kid, nowMs],
        [two.kid, undefined],
      ],
    );
  });

  test("with a key that no federation metadata lists does not follow", async () => {
    world.answers.federation = unreachable;
    const without = await world.refresh(undefined, startMs);
    world.answers.jwks = answer(jwksOf(one, two));
    assert.equal((await world.refresh(without, nowMs)).refreshed?.jwks, "held");
  });

  test("with a key that was missing for a day follows, and for more than a day does not", async () => {
    world.answers = { ...world.answers, federation: answer(federationOf(one, two)), jwks: answer(jwksOf(one, two)) };
    const both = await world.refresh(undefined, startMs);
    const { federation: _, ...without } = both;
    world.answers = { ...world.answers, federation: unreachable, jwks: answer(jwksOf(one)) };
    const missing = await world.refresh(without, nowMs);
    world.answers.jwks = answer(jwksOf(one, two));
    assert.equal((await world.refresh(missing, nowMs + dayMs)).refreshed?.jwks, "changed");
    assert.equal((await world.refresh(missing, nowMs + dayMs + 1)).refreshed?.jwks, "held");
  });

  test("remembers the keys that the federation metadata no longer list", async () => {
    world.answers.federation = answer(federationOf(one, two, three));
    const more = await world.refresh(known, nowMs);
    world.answers.federation = answer(federationOf(one));
    const next = await world.refresh(more, nowMs + 1);
    const removedMs = nowMs + 1;
    assert.deepEqual(next.federation?.former, [
      { ...two.published, removedMs },
      { ...three.published, removedMs },
    ]);
    world.answers.federation = answer(federationOf(one, two));
    const again = await world.refresh(next, nowMs + dayMs + 2);
    assert.equal(again.refreshed?.federation, "held", "nothing vouches for its return after a day");
  });

  describe("a warning for a key of the federation metadata that is in no key set", () => {
    const differing = () => world.events.filter(({ event }) => event === "metadata_keys_differ");
    const warning = (...keys: (typeof one)[]) => [
      { event: "metadata_keys_differ", source: contosoId, kids: kidsOf(keys) },
    ];

    test("appears as soon as either document has changed, and once", async () => {
      world.answers.federation = answer(federationOf(one, two, three));
      const next = await world.refresh(known, nowMs);
      assert.deepEqual(differing(), warning(two, three));
      const later = await world.refresh(next, nowMs + 1);
      assert.deepEqual(differing(), []);
      world.answers.jwks = answer(jwksOf(one, two));
      await world.refresh(later, nowMs + 2);
      assert.deepEqual(differing(), warning(three));
    });

    test("does not appear without a key set or without federation metadata", async () => {
      world.answers.jwks = unreachable;
      await world.refresh(undefined, nowMs);
      assert.deepEqual(differing(), []);
      world.answers = { ...world.answers, federation: unreachable, jwks: answer(jwksOf(one, two)) };
      await world.refresh(undefined, nowMs);
      assert.deepEqual(differing(), []);
    });
  });

  describe("another key under a known name is refused, whatever the policy says, with an alarm", () => {
    const jwkOf = ({ kid, n, e, certificate }: typeof one) => {
      return { kty: "RSA", use: "sig", kid, x5t: kid, n, e, x5c: [certificate] };
    };
    const places: Record<string, (record: LastKnownGood) => LastKnownGood> = {
      "of the history": (record) => ({
        ...record,
        keys: [...record.keys, { ...three.published, firstSeenMs: startMs, lastSeenMs: startMs }],
      }),
      "of the key set of before": (record) => ({
        ...record,
        ...(record.jwks && { jwks: { ...record.jwks, keys: [one.published, three.published] } }),
      }),
      "of federation metadata": (record) => ({
        ...record,
        ...(record.federation && {
          federation: { ...record.federation, keys: [one.published, three.published] },
        }),
      }),
      "that federation metadata listed before": (record) => ({
        ...record,
        ...(record.federation && { federation: { ...record.federation, former: [three.published] } }),
      }),
    };
    for (const [place, change] of Object.entries(places)) {
      test(place, async () => {
        const forged = { keys: [jwkOf(one), { ...jwkOf(foreign), kid: three.kid }] };
        world.answers = {
          federation: unchanged,
          discovery: unchanged,
          jwks: answer(Buffer.from(JSON.stringify(forged))),
        };
        const previous = change(known);
        const next = await world.refresh(previous, nowMs, "accept-and-alarm");
        assert.deepEqual([next.jwks, next.keys], [previous.jwks, previous.keys]);
        const refusal = { reason: "jwks_known_key_changed", kid: three.kid };
        assert.deepEqual(world.events, [
          { event: "metadata_known_key_changed", source: contosoId, kid: three.kid },
          { event: "metadata_refused", source: contosoId, document: "jwks", refusal },
        ]);
      });
    }
  });
});
