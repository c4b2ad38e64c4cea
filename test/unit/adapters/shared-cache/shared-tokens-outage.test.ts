/** An instance depends on neither the table nor the vault, and does not wait long for them. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { tableError } from "../../../support/fakes/table.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { createInstance, failed, place, rootKey, token } from "../../../support/fixtures/shared-cache.ts";

const never = new Promise<never>(() => {});

/** Moves the timers of the process, which measure how long somebody waits. */
async function pass(t: TestContext, ms: number): Promise<void> {
  for (let i = 0; i < 5; i++) await nextTurn();
  t.mock.timers.tick(ms);
  for (let i = 0; i < 5; i++) await nextTurn();
}

describe("a request waits no longer than", () => {
  type Shared = ReturnType<typeof createInstance>["shared"];
  const limits: [what: string, ms: number, ask: (shared: Shared) => Promise<unknown>, otherwise: unknown][] = [
    ["250 ms for the table where a token is looked for", 250, (shared) => shared.find(place), undefined],
    ["250 ms for the table where a claim is asked for", 250, (shared) => shared.claim(place), "unknown"],
    ["5 s for a token to be stored", 5_000, (shared) => shared.store(place, token), undefined],
    ["5 s for a claim to be given up", 5_000, (shared) => shared.release(place), undefined],
    ["60 s for a sweep", 60_000, (shared) => shared.sweep(() => true), undefined],
  ];
  for (const [what, ms, ask, otherwise] of limits) {
    test(what, async (t) => {
      const { shared, table, background, events } = createInstance();
      await shared.warm();
      table.meanwhile = background.meanwhile = () => never;
      t.mock.timers.enable({ apis: ["setTimeout"] });
      let ended: unknown = "waits";
      void ask(shared).then((result) => {
        ended = result;
      });
      await pass(t, ms - 1);
      assert.equal(ended, "waits");
      await pass(t, 1);
      assert.equal(ended, otherwise);
      assert.equal(events.length, 1);
      assert.match(JSON.stringify(events), /"reason":"failed","because":"DeadlineExceeded"/);
    });
  }

  test("5 s for key and connection, before the first request", async (t) => {
    const { shared, vault, connection, events } = createInstance();
    vault.answer = connection.answer = () => never;
    t.mock.timers.enable({ apis: ["setTimeout"] });
    let hasEnded = false;
    void shared.warm().then(() => {
      hasEnded = true;
    });
    await pass(t, 4_999);
    assert.equal(hasEnded, false);
    await pass(t, 1);
    assert.equal(hasEnded, true);
    assert.deepEqual(events, [failed("unwrap", "DeadlineExceeded"), failed("find", "DeadlineExceeded")]);
  });

  for (const [what, part] of [
    ["2 s for the key, in the first requests", "vault"],
    ["2 s for a connection, in the first requests", "connection"],
  ] as const) {
    test(`${what}, and then uses what arrives`, async (t) => {
      const instance = createInstance();
      const { shared, events } = instance;
      const gate = Promise.withResolvers<never>();
      instance[part].answer = () => gate.promise;
      t.mock.timers.enable({ apis: ["setTimeout"] });
      const claims: unknown[] = [];
      for (const scope of [ids.graphScope, ids.storageScope]) {
        void shared.claim({ ...place, scope }).then((claim) => claims.push(claim));
      }
      await pass(t, 1_999);
      assert.deepEqual(claims, []);
      gate.resolve((part === "vault" ? rootKey : undefined) as never);
      await pass(t, 0);
      assert.deepEqual(claims, ["granted", "granted"]);
      assert.deepEqual(events, []);
    });
  }

  test("2.25 s for a vault that hangs in the first requests, and 250 ms in later ones, while it is asked once", async (t) => {
    const { shared, vault, clock, events } = createInstance();
    vault.answer = () => never;
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const claims: unknown[] = [];
    const claim = () => void shared.claim(place).then((claimed) => claims.push(claimed));
    claim();
    await pass(t, 2_000);
    await pass(t, 249);
    assert.deepEqual(claims, []);
    await pass(t, 1);
    assert.deepEqual(claims, ["unknown"]);
    assert.deepEqual(events, [failed("unwrap", "DeadlineExceeded")]);
    claim();
    await pass(t, 249);
    assert.equal(claims.length, 1);
    await pass(t, 1);
    assert.deepEqual(claims, ["unknown", "unknown"]);
    assert.equal(vault.asked.length, 1, "the first request is still under way");
    // After 5 s it is an outage, and asked anew after 5 s more.
    await pass(t, 2_500);
    vault.answer = async () => rootKey;
    assert.equal(await shared.claim(place), "unknown");
    clock.advanceMs(5_000);
    assert.equal(await shared.claim(place), "granted");
    assert.equal(vault.asked.length, 2);
  });

  test("for a table that refuses the first connection", async () => {
    const { shared, connection, events } = createInstance();
    connection.answer = async () => {
      throw tableError(403);
    };
    assert.equal(await shared.claim(place), "granted");
    await shared.warm();
    assert.equal(connection.asked, 1);
    assert.deepEqual(events, [failed("find", "RestError 403")]);
  });
});

describe("a table that fails", () => {
  test("is reported by operation, and not asked for a second after three failures in 750 ms", async () => {
    const { shared, table, clock, events } = createInstance();
    table.meanwhile = () => {
      throw tableError(503);
    };
    assert.equal(await shared.find(place), undefined);
    assert.equal(await shared.claim(place), "unknown");
    clock.advanceMs(750);
    await shared.find(place);
    assert.equal(table.calls.length, 3);
    assert.equal(await shared.find(place), undefined);
    clock.advanceMs(999);
    assert.equal(await shared.claim(place), "unknown");
    assert.equal(table.calls.length, 3, "nothing is asked of it");
    table.meanwhile = () => {};
    clock.advanceMs(1);
    assert.equal(await shared.claim(place), "granted");
    assert.deepEqual(events, [failed("find", "RestError 503"), failed("claim", "RestError 503")]);
  });

  test("delays no answer by its background work, whose failures are reported as well", async () => {
    const { shared, background, clock, events } = createInstance();
    background.meanwhile = () => {
      throw tableError(500);
    };
    await shared.store(place, token);
    await shared.release(place);
    clock.advanceMs(750);
    await shared.sweep(() => true);
    await shared.sweep(() => true);
    assert.equal(background.calls.length, 3, "left alone too");
    clock.advanceMs(1_000);
    await shared.sweep(() => true);
    assert.equal(background.calls.length, 4);
    const operations = ["store", "release", "sweep"];
    assert.deepEqual(
      events,
      operations.map((operation) => failed(operation, "RestError 500")),
    );
    assert.equal(await shared.claim(place), "granted");
  });
});

describe("a burst", () => {
  test("makes at most four requests to the table at once, and reports it from the second on", async () => {
    const { shared, table } = createInstance();
    await shared.warm();
    const gate = Promise.withResolvers<void>();
    table.meanwhile = () => gate.promise;
    const before = table.calls.length;
    const asking = [shared.find(place)];
    await nextTurn();
    assert.equal(shared.isBusy(), false);
    for (let i = 0; i < 5; i++) asking.push(shared.find(place));
    await nextTurn();
    assert.equal(shared.isBusy(), true);
    assert.equal(table.calls.length - before, 4);
    gate.resolve();
    await Promise.all(asking);
    assert.equal(table.calls.length - before, 6);
    assert.equal(shared.isBusy(), false);
  });

  test("makes a request wait for its turn for 2 s, background work for 5 s, and that is no failure", async (t) => {
    const { shared, table, background, events } = createInstance();
    await shared.warm();
    t.mock.timers.enable({ apis: ["setTimeout"] });
    table.meanwhile = () => new Promise((resolve) => setTimeout(resolve, 240));
    background.meanwhile = () => never;
    // Ten rounds of four; and what keeps its turns for 60 s.
    for (let i = 0; i < 40; i++) void shared.find(place);
    for (let i = 0; i < 4; i++) void shared.sweep(() => true);
    await nextTurn();
    const ended: unknown[] = [];
    void shared.claim(place).then((claim) => ended.push(claim));
    void shared.release(place).then(() => ended.push("released"));
    for (let i = 0; i < 8; i++) await pass(t, 240);
    await pass(t, 79);
    assert.deepEqual(ended, []);
    await pass(t, 1);
    assert.deepEqual(ended, ["unknown"]);
    await pass(t, 2_999);
    assert.deepEqual(ended, ["unknown"]);
    assert.deepEqual(events, []);
    await pass(t, 1);
    assert.deepEqual(ended, ["unknown", "released"]);
    assert.deepEqual([table.calls.length, background.calls.length], [36, 4]);
  });
});
