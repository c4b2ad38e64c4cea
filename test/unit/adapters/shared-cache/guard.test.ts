/**
 * When the shared cache is asked: a burst or one slow answer does not disable it, an outage does, and a probe ends
 * that.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createGuard } from "../../../../src/adapters/shared-cache/guard.ts";

const limits = { failures: 3, failingMs: 500, restMs: 1_000, atOnce: 2, queueMs: 60_000 };
const longMs = 60_000;

function createGuarded(changed: Partial<typeof limits> = {}) {
  let nowMs = 1_000_000;
  const guard = createGuard({ ...limits, ...changed }, () => nowMs);
  let asked = 0;
  /** Whether the part was asked. */
  const attempt = async (work: () => Promise<unknown>) => {
    const before = asked;
    const count = () => {
      asked++;
      return work();
    };
    await guard.attempt(longMs, undefined, count).catch(() => undefined);
    return asked > before;
  };
  return {
    guard,
    attempt,
    succeed: () => attempt(async () => "answered"),
    fail: () => attempt(() => Promise.reject(new Error("no answer"))),
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe("an optional part", () => {
  test("is still asked after two failures, however far apart", async () => {
    const { fail, succeed, pass } = createGuarded();
    await fail();
    pass(longMs);
    await fail();
    assert.ok(await succeed());
  });

  test("is probed after its pause even while an attempt from before the pause is in progress", async () => {
    const { guard, succeed, pass } = createGuarded({ failures: 1, failingMs: 0 });
    const [failing, slow] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const failed = guard.attempt<unknown>(longMs, "otherwise", () => failing.promise).catch(() => "failed");
    const before = guard.attempt<unknown>(longMs, "otherwise", () => slow.promise);
    await nextTurn();
    failing.reject(new Error("no answer"));
    await failed;
    pass(1_000);
    assert.ok(await succeed());
    slow.resolve();
    await before;
  });

  test("has one probe at a time, also where an earlier one ends late and the part was up in between", async () => {
    const { guard, attempt, succeed, fail, pass } = createGuarded({ failures: 1, failingMs: 0, atOnce: 4 });
    const hang = () => {
      const { promise, reject } = Promise.withResolvers<void>();
      const ended = guard.attempt<unknown>(longMs, "otherwise", () => promise).catch(() => "failed");
      return { ended, end: () => reject(new Error("no answer")) };
    };
    const slow = Promise.withResolvers<void>();
    const before = guard.attempt<unknown>(longMs, "otherwise", () => slow.promise);
    await fail();
    pass(1_000);
    const late = hang();
    await nextTurn();
    slow.resolve();
    await before;
    await fail();
    pass(1_000);
    const probe = hang();
    await nextTurn();
    late.end();
    await late.ended;
    pass(1_000);
    assert.equal(await attempt(async () => "asked"), false, "the later probe is still in progress");
    probe.end();
    await probe.ended;
    pass(1_000);
    assert.ok(await succeed());
  });

  test("keeps no turn of those who waited until it was left alone, and answers them at once", async () => {
    const { guard, succeed, pass } = createGuarded({ failures: 1, failingMs: 0 });
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const hanging = gates.map(({ promise }) =>
      guard.attempt<unknown>(longMs, "otherwise", () => promise).catch(() => "failed"),
    );
    const waiting = [1, 2].map(() => guard.attempt(longMs, "otherwise", async () => "asked"));
    for (const { reject } of gates) reject(new Error("no answer"));
    assert.deepEqual(await Promise.all([...hanging, ...waiting]), ["failed", "failed", "otherwise", "otherwise"]);
    assert.equal(guard.isBusy(), false);
    pass(1_000);
    assert.ok(await succeed());
  });

  test("is still asked after many failures at once, which may be the instance's own", async () => {
    const { fail, succeed } = createGuarded();
    for (let i = 0; i < 20; i++) assert.ok(await fail());
    assert.ok(await succeed());
  });

  test("is still asked while answers arrive between the failures", async () => {
    const { fail, succeed, pass } = createGuarded();
    for (let i = 0; i < 20; i++) {
      await fail();
      pass(400);
      assert.ok(await succeed());
    }
  });

  test("is not asked for a while after several failures in a row", async () => {
    const { fail, succeed, pass } = createGuarded();
    await fail();
    pass(499);
    await fail();
    await fail();
    assert.ok(await succeed(), "not for long enough");
    for (let i = 0; i < 3; i++) {
      await fail();
      pass(300);
    }
    assert.equal(await succeed(), false);
    pass(699);
    assert.equal(await succeed(), false);
  });

  test("is probed by one attempt after a pause; its failure begins another pause, its success ends the outage", async () => {
    const { guard, fail, succeed, pass } = createGuarded({ failures: 1, failingMs: 0 });
    await fail();
    pass(1_000);
    assert.ok(await fail());
    assert.equal(await succeed(), false);
    pass(1_000);
    const probe = Promise.withResolvers<void>();
    const probing = guard.attempt(longMs, undefined, () => probe.promise);
    await new Promise(setImmediate);
    assert.equal(await succeed(), false, "another is under way");
    probe.resolve();
    await probing;
    assert.ok(await succeed());
  });

  test("is asked this many times at once, and the others get their turn after that", async () => {
    const { guard } = createGuarded();
    const [open, done] = [[] as (() => void)[], [] as number[]];
    const attempts = Array.from({ length: 5 }, (_, i) =>
      guard
        .attempt(longMs, undefined, () => new Promise<void>((resolve) => open.push(resolve)))
        .then(() => done.push(i)),
    );
    for (let served = 0; served < 5; served++) {
      await new Promise(setImmediate);
      assert.ok(open.length <= served + limits.atOnce);
      assert.equal(guard.isBusy(), true);
      open[served]?.();
    }
    await Promise.all(attempts);
    assert.deepEqual(done, [0, 1, 2, 3, 4]);
    assert.equal(guard.isBusy(), false);
  });

  test("is not waited for by a caller whose turn did not come in time, and that is no failure", async () => {
    const { guard, succeed } = createGuarded({ atOnce: 1, queueMs: 1, failures: 1, failingMs: 0 });
    const first = Promise.withResolvers<void>();
    const running = guard.attempt(longMs, undefined, () => first.promise);
    assert.equal(await succeed(), false);
    first.resolve();
    await running;
    assert.ok(await succeed());
  });

  test("is not asked by a caller that waited for a turn while the others failed", async () => {
    const { guard, succeed } = createGuarded({ atOnce: 1, failures: 1, failingMs: 0 });
    const first = Promise.withResolvers<void>();
    const running = guard.attempt(longMs, undefined, () => first.promise);
    const second = succeed();
    first.reject(new Error("no answer"));
    await assert.rejects(running);
    assert.equal(await second, false);
  });
});
