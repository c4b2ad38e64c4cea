/** An instance needs neither the table nor the vault for anything, and does not wait for them for long. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { tableError } from "../../../support/fakes/table.ts";
import { createInstance, failed, place, rootKey, token } from "../../../support/fixtures/shared-cache.ts";

const never = new Promise<never>(() => {});

/** Moves the timers of the process, which measure how long somebody waits. */
async function pass(t: TestContext, ms: number): Promise<void> {
  for (let i = 0; i < 5; i++) await nextTurn();
  t.mock.timers.tick(ms);
  for (let i = 0; i < 5; i++) await nextTurn();
}

describe("nobody waits longer than", () => {
  type Shared = ReturnType<typeof createInstance>["shared"];
  const limits: [what: string, ms: number, ask: (shared: Shared) => Promise<unknown>, otherwise: unknown][] = [
    ["250 ms for the table where a token is looked for", 250, (shared) => shared.find(place), undefined],
    ["250 ms for the table where a claim is asked for", 250, (shared) => shared.claim(place), "unknown"],
    ["5 s for a token to be stored", 5_000, (shared) => shared.store(place, token), undefined],
    ["5 s for a claim to be given up", 5_000, (shared) => shared.release(place), undefined],
    ["60 s for a sweep", 60_000, (shared) => shared.sweep(() => true), undefined],
    ["5 s for a connection to the table", 5_000, (shared) => shared.warm(), undefined],
  ];
  for (const [what, ms, ask, otherwise] of limits) {
    test(what, async (t) => {
      const { shared, table, background, events } = createInstance();
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

  for (const [what, ms, ask] of [
    ["1 s for the key, in a request", 1_000, (shared: Shared) => shared.claim(place)],
    ["5 s for the key, before the first request", 5_000, (shared: Shared) => shared.warm()],
  ] as const) {
    test(what, async (t) => {
      const { shared, vault, events } = createInstance();
      vault.answer = () => never;
      t.mock.timers.enable({ apis: ["setTimeout"] });
      let hasEnded = false;
      void ask(shared).then(() => {
        hasEnded = true;
      });
      await pass(t, ms - 1);
      assert.equal(hasEnded, false);
      await pass(t, 1);
      assert.equal(hasEnded, true);
      assert.deepEqual(events, [failed("unwrap", "DeadlineExceeded")]);
    });
  }

  test("5 s for a vault that hangs, and then it is asked anew", async (t) => {
    const { shared, vault, clock } = createInstance();
    vault.answer = () => never;
    t.mock.timers.enable({ apis: ["setTimeout"] });
    void shared.claim(place);
    await pass(t, 1_000);
    clock.advanceMs(5_000);
    void shared.claim(place);
    await pass(t, 1_000);
    assert.equal(vault.asked.length, 1, "the first request is still under way");
    await pass(t, 3_000);
    clock.advanceMs(5_000);
    vault.answer = async () => rootKey;
    assert.equal(await shared.claim(place), "granted");
  });
});

describe("a table that fails", () => {
  test("is reported by operation, and left alone for a second after three failures in 750 ms", async () => {
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

  test("keeps no answer waiting by what nobody waits for, which is reported as well", async () => {
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

  test("is found by the first connection, which a missing row does not disturb", async () => {
    const { shared, table, events } = createInstance();
    await shared.warm();
    assert.deepEqual([table.calls, events], [["getEntity"], []]);
    table.meanwhile = () => {
      throw tableError(403);
    };
    await shared.warm();
    assert.deepEqual(events, [failed("find", "RestError 403")]);
  });
});

describe("a burst", () => {
  test("has four requests to the table at once, and says so from the second on", async () => {
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

  test("makes a request wait for its turn for 2 s, what nobody waits for 5 s, and that is no failure", async (t) => {
    const { shared, table, background, events } = createInstance();
    await shared.warm();
    t.mock.timers.enable({ apis: ["setTimeout"] });
    table.meanwhile = background.meanwhile = () => never;
    // They keep their turns for 5 s, and for 60 s.
    for (let i = 0; i < 4; i++) void shared.warm();
    for (let i = 0; i < 4; i++) void shared.sweep(() => true);
    await nextTurn();
    const ended: unknown[] = [];
    void shared.claim(place).then((claim) => ended.push(claim));
    void shared.release(place).then(() => ended.push("released"));
    await pass(t, 1_999);
    assert.deepEqual(ended, []);
    await pass(t, 1);
    assert.deepEqual(ended, ["unknown"]);
    await pass(t, 2_999);
    assert.deepEqual(ended, ["unknown"]);
    assert.deepEqual(events, []);
    await pass(t, 1);
    assert.deepEqual(ended, ["unknown", "released"]);
    assert.deepEqual([table.calls.length, background.calls.length], [5, 4]);
  });
});
