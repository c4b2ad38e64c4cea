/** One source as a process sees it: when it reads storage, when it asks the provider, and what it stores. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { LastKnownGood } from "../../../../src/domain/metadata/last-known-good.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { ok, refuse } from "../../../../src/domain/shared/result.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { contosoId } from "../../../support/fixtures/ids.ts";
import { createKeptWorld, idp } from "../../../support/fixtures/kept-world.ts";
import {
  answer,
  federationOf,
  foreign,
  jwksOf,
  one,
  two,
  unreachable,
} from "../../../support/fixtures/refresh-world.ts";

const minuteMs = 60_000;
const overdueMs = 90 * minuteMs;
const retryMs = 5 * minuteMs;

let world: ReturnType<typeof createKeptWorld>;
beforeEach(() => {
  world = createKeptWorld();
});
const settle = async () => {
  for (let i = 0; i < 20; i++) await turn();
};
const eventNames = () => world.events.map(({ event }) => event);
/** A record in storage, as another instance has put it there. */
async function stored(change: (record: LastKnownGood) => LastKnownGood = (record) => record): Promise<LastKnownGood> {
  const record = change(await world.refresh(undefined, startMs));
  world.put(record);
  [world.asked, world.events] = [[], []];
  return record;
}
const withIdp = (record: LastKnownGood): LastKnownGood => ({ ...record, idp });

describe("storage", () => {
  test("is read for the known documents, without a request to the provider", async () => {
    const record = await stored();
    const kept = world.instance();
    assert.equal(kept.hasRead(), false);
    assert.deepEqual(await kept.stored(startMs), record);
    assert.deepEqual([kept.known(), kept.hasRead(), world.asked, kept.name], [record, true, [], contosoId]);
  });

  test("is read each time it is requested, but not more often than a caller says", async () => {
    const kept = world.instance();
    for (const atMs of [startMs, startMs]) await kept.stored(atMs);
    assert.equal(world.reads, 2);
    await kept.stored(startMs + 9, 10);
    assert.equal(world.reads, 2);
    await kept.stored(startMs + 10, 10);
    assert.equal(world.reads, 3);
  });

  test("that has not changed since is not loaded again", async () => {
    await stored();
    const kept = world.instance();
    const first = await kept.stored(startMs);
    assert.equal(await kept.stored(startMs), first);
    world.put(first ?? {}, '"other"');
    assert.notEqual(await kept.stored(startMs), first);
  });

  test("that does not answer is reported, and the known documents stay", async () => {
    await stored();
    const kept = world.instance();
    world.store.isDown = true;
    assert.deepEqual([await kept.stored(startMs), kept.hasRead()], [undefined, false]);
    world.store.isDown = false;
    const first = await kept.stored(startMs);
    world.store.isDown = true;
    assert.equal(await kept.stored(startMs), first);
    const down = { event: "metadata_store_unavailable", source: contosoId, operation: "read" };
    assert.deepEqual(world.events, [down, down]);
  });

  test("with an invalid record is reported, and the record is neither used nor overwritten", async () => {
    const record = await stored();
    const kept = world.instance();
    await kept.stored(startMs);
    const spoilt = { ...record, keys: [{ ...record.keys[0], n: foreign.n }] };
    world.put(spoilt, '"spoilt"');
    await kept.refresh(startMs);
    assert.deepEqual(world.stored(), spoilt);
    assert.equal(kept.known()?.keys[0]?.n, one.n);
    const rule = "a key is not the one of its certificate";
    assert.deepEqual(world.events[0], { event: "metadata_record_refused", source: contosoId, rule });
  });

  test("is written to again after its record was deleted", async () => {
    const kept = world.instance();
    await kept.refresh(startMs);
    world.store.blobs.clear();
    await kept.refresh(startMs);
    assert.deepEqual(world.stored(), kept.known());
  });

  test("that cannot be written to is reported", async () => {
    const kept = world.instance();
    await kept.stored(startMs);
    const { write } = world.store;
    world.store.write = async () => {
      throw new Error("storage is full");
    };
    await kept.refresh(startMs);
    const down = { event: "metadata_store_unavailable", source: contosoId, operation: "write" };
    assert.deepEqual(world.events.at(-1), down);
    world.store.write = write;
    await kept.refresh(startMs);
    assert.deepEqual(world.stored(), kept.known());
  });

  test("is read before a refresh, so that a record from another instance is not lost", async () => {
    const [kept, other] = [world.instance(), world.instance()];
    await kept.refresh(startMs);
    await other.refresh(startMs + 1);
    await kept.refresh(startMs + 2);
    assert.deepEqual([world.store.writes, world.stored()?.refreshed?.atMs], [3, startMs + 2]);
  });

  test("is written to before the next refresh begins", async () => {
    const kept = world.instance();
    const writing = Promise.withResolvers<void>();
    world.writing = writing.promise;
    void kept.refresh(startMs);
    await settle();
    const next = kept.refresh(startMs + 1);
    await settle();
    assert.equal(world.refreshes(), 1);
    writing.resolve();
    await next;
    assert.equal(world.refreshes(), 2);
  });
});

describe("a view", () => {
  test("of the content of storage asks the provider for nothing, and reads storage again after a minute", async () => {
    const record = await stored();
    const kept = world.instance();
    assert.deepEqual(await kept.view(startMs), record);
    await kept.view(startMs + minuteMs - 1);
    assert.equal(world.reads, 1);
    await kept.view(startMs + minuteMs);
    assert.deepEqual([world.reads, world.asked], [2, []]);
  });

  test("with nothing known waits for storage, for any number of requests, and asks the provider for nothing", async () => {
    const record = await stored();
    const kept = world.instance();
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => kept.view(startMs))), [record, record, record]);
    assert.deepEqual([world.reads, world.asked], [1, []]);
  });

  test("does not wait for storage if something is known", async () => {
    const record = await stored();
    const kept = world.instance();
    await kept.view(startMs);
    world.reading = new Promise(() => {});
    assert.deepEqual(await kept.view(startMs + minuteMs), record);
  });

  test("with nothing known waits for the provider, and asks it again after five seconds at the earliest", async () => {
    world.answering = Promise.reject(new Error("a bug"));
    world.answering.catch(() => undefined);
    const kept = world.instance();
    await assert.rejects(kept.view(startMs));
    assert.equal(await kept.view(startMs + 4_999), undefined);
    assert.equal(world.refreshes(), 1);
    world.answering = Promise.resolve();
    assert.ok(await kept.view(startMs + 5_000));
  });

  test("that is requested while the provider is asked for the first time waits for that too", async () => {
    const answering = Promise.withResolvers<void>();
    world.answering = answering.promise;
    const kept = world.instance();
    const first = kept.view(startMs);
    await settle();
    const second = kept.view(startMs + 1);
    await settle();
    answering.resolve();
    assert.ok(await second);
    assert.equal(await second, await first);
    assert.equal(world.refreshes(), 1);
  });

  test("of an overdue key set starts a refresh without waiting, and again after five minutes", async () => {
    const record = await stored();
    const kept = world.instance();
    world.answers.jwks = unreachable;
    assert.deepEqual(await kept.view(startMs + overdueMs - 1), record);
    await settle();
    assert.deepEqual(world.asked, []);
    assert.deepEqual(await kept.view(startMs + overdueMs), record);
    await settle();
    assert.equal(world.refreshes(), 1);
    await kept.view(startMs + overdueMs + retryMs - 1);
    await settle();
    assert.equal(world.refreshes(), 1);
    await kept.view(startMs + overdueMs + retryMs);
    await settle();
    assert.equal(world.refreshes(), 2);
  });

  test("without a key set starts its refresh", async () => {
    world.answers.jwks = unreachable;
    await stored();
    const kept = world.instance();
    await kept.view(startMs);
    await settle();
    assert.equal(world.refreshes(), 1);
  });

  test("of a record of version 1 starts a fetch at once, and of documents that this process has fetched does not", async () => {
    const { federation, jwks, keys } = await stored();
    const version1 = { version: 1, federation, jwks, keys };
    world.put(version1);
    const kept = world.instance();
    await kept.view(startMs);
    await settle();
    assert.deepEqual([world.refreshes(), world.stored()?.version], [1, 2]);
    world.store.isDown = true;
    const another = world.instance();
    await another.view(startMs);
    await settle();
    await another.view(startMs + retryMs);
    await settle();
    assert.equal(world.refreshes(), 2);
  });
});

describe("the republished content", () => {
  test("is the stored content if all of it verifies", async () => {
    const record = await stored(withIdp);
    const kept = world.instance();
    assert.deepEqual(await kept.readable(startMs), record);
    assert.deepEqual(await world.instance().republishable(startMs, 0), record);
    assert.deepEqual(world.asked, []);
  });

  test("is read again no more often than a caller says", async () => {
    await stored();
    const kept = world.instance();
    await kept.republishable(startMs, 10);
    await kept.republishable(startMs + 9, 10);
    assert.equal(world.reads, 1);
    await kept.republishable(startMs + 10, 10);
    assert.equal(world.reads, 2);
  });

  test("is empty if nothing is known", async () => {
    assert.equal(await world.instance().republishable(startMs, 0), undefined);
  });

  test("includes neither federation metadata that do not verify nor the idp.xml derived from them, and raises one alarm", async () => {
    const { federation: _, idp: __, ...others } = await stored(withIdp);
    world.read = () => refuse({ reason: "digest_mismatch" });
    const kept = world.instance();
    const [first, second] = await Promise.all([kept.readable(startMs), kept.readable(startMs)]);
    assert.deepEqual([first, second, kept.known()], [others, others, others]);
    const rule = "the federation metadata do not verify";
    assert.deepEqual(world.events, [{ event: "metadata_record_refused", source: contosoId, rule }]);
  });

  test("omits documents that cannot be verified now, which stay known", async () => {
    const record = await stored(withIdp);
    world.read = () => refuse({ reason: "verifier_not_loaded" });
    const { federation: _, idp: __, ...others } = record;
    const kept = world.instance();
    assert.deepEqual([await kept.readable(startMs), kept.known(), world.events], [others, record, []]);
    world.read = ok;
    world.idpIs = refuse({ reason: "verifier_not_loaded" });
    assert.deepEqual(await kept.readable(startMs), { ...others, federation: record.federation });
  });

  test("has no idp.xml without the federation metadata that list its keys", async () => {
    const { idp: _, ...others } = await stored(({ federation: __, ...record }) => withIdp(record));
    assert.deepEqual(await world.instance().readable(startMs), others);
    const rule = "idp.xml is not one of the publisher's";
    assert.deepEqual(world.events, [{ event: "metadata_record_refused", source: contosoId, rule }]);
  });
});

describe("a refresh", () => {
  test("does not let federation metadata vouch for a key before they are verified themselves", async () => {
    const forged = await world.refresh(undefined, startMs);
    world.answers.federation = answer(federationOf(one, foreign));
    const { federation } = await world.refresh(undefined, startMs);
    world.put({ ...forged, federation });
    world.read = () => refuse({ reason: "digest_mismatch" });
    world.answers = { ...world.answers, federation: unreachable, jwks: answer(jwksOf(one, foreign)) };
    const next = await world.instance().refresh(startMs + 1);
    assert.deepEqual([next?.refreshed?.jwks, next?.federation], ["held", undefined]);
  });

  test("keeps an idp.xml that verifies or cannot be verified now, and drops one that does not verify", async () => {
    for (const [idpIs, publisherDers, expected] of [
      [world.idpIs, ["publisher"], idp],
      [world.idpIs, [], idp],
      [refuse({ reason: "verifier_not_loaded" as const }), ["publisher"], idp],
      [refuse({ reason: "digest_mismatch" as const }), ["publisher"], undefined],
    ] as const) {
      await stored(withIdp);
      Object.assign(world, { idpIs, publisherDers });
      await world.instance().refresh(startMs + 1);
      assert.deepEqual(world.stored()?.idp, expected);
    }
  });

  test("creates idp.xml once, stores it beside the documents, and reports what is then known", async () => {
    world.derive = async (known) => withIdp(known);
    const kept = world.instance();
    const known = await kept.refresh(startMs);
    assert.deepEqual([known?.idp, kept.known(), world.stored()], [idp, known, known]);
    assert.deepEqual([world.derived, world.store.writes], [1, 2]);
    await kept.refresh(startMs + 1);
    assert.deepEqual([world.derived, world.store.writes], [2, 3], "once for each later refresh");
  });

  test("started by a request for a key renews idp.xml, and does not create a first one", async () => {
    const kept = world.instance();
    await kept.view(startMs);
    assert.equal(world.derived, 0);
    await stored(withIdp);
    await kept.stored(startMs);
    world.derive = async (known) => ({ ...known, idp: { ...idp, madeFromSha256: "renewed" } });
    await kept.view(startMs + overdueMs);
    await settle();
    assert.deepEqual([world.derived, world.stored()?.idp?.madeFromSha256], [1, "renewed"]);
  });

  test("is stored without idp.xml if it cannot be created, and the reason is reported", async () => {
    for (const [error, code] of [
      [new Fault("signer_forbidden"), "signer_forbidden"],
      [new TypeError("a bug"), "unexpected"],
    ] as const) {
      world = createKeptWorld();
      world.derive = async () => {
        throw error;
      };
      const known = await world.instance().refresh(startMs);
      assert.deepEqual([world.store.writes, world.stored()], [1, known]);
      assert.deepEqual(world.events.at(-1), { event: "metadata_not_republished", source: contosoId, code });
    }
  });

  test("keeps the previous idp.xml if it cannot be renewed", async () => {
    await stored(withIdp);
    world.derive = async () => {
      throw new Fault("signer_throttled");
    };
    world.answers = { ...world.answers, federation: answer(federationOf(one, two)), jwks: answer(jwksOf(one, two)) };
    await world.instance().refresh(startMs + 1);
    assert.deepEqual([world.stored()?.idp, world.stored()?.jwks?.keys.length], [idp, 2]);
  });

  test("for an operator is marked in the record, and others are not", async () => {
    await stored(withIdp);
    const kept = world.instance();
    await kept.refresh(startMs + 1);
    assert.ok(!("requestId" in (kept.known()?.refreshed ?? {})));
    assert.equal(world.store.writes, 1);
    await kept.refresh(startMs + 2, "request");
    assert.deepEqual([world.stored()?.refreshed?.requestId, world.store.writes], ["request", 3]);
    assert.deepEqual(world.stored(), kept.known());
  });

  test("for an operator asks again if one is already running, and another request joins it", async () => {
    for (const [requestId, expected] of [
      ["request", 2],
      [undefined, 1],
    ] as const) {
      world = createKeptWorld();
      const answering = Promise.withResolvers<void>();
      world.answering = answering.promise;
      const kept = world.instance();
      const first = kept.refresh(startMs);
      await settle();
      const second = kept.refresh(startMs, requestId);
      answering.resolve();
      await Promise.all([first, second]);
      assert.equal(world.refreshes(), expected);
    }
  });

  test("accepts a discontinuity only if the policy allows it", async () => {
    world.answers.federation = unreachable;
    await stored();
    world.answers.jwks = answer(jwksOf(foreign));
    const kept = world.instance();
    assert.equal((await kept.refresh(startMs + 1))?.refreshed?.jwks, "held");
    world.onDiscontinuity = "accept-and-alarm";
    assert.equal((await kept.refresh(startMs + 2))?.refreshed?.jwks, "changed");
    assert.ok(eventNames().includes("metadata_keys_replaced"));
  });
});
