/** A deadline for an external system measures that system, not the time in which this process was busy. */
import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { queryObjects } from "node:v8";
import { Worker } from "node:worker_threads";
import { DeadlineExceeded, limited, within } from "../../../../src/adapters/azure/deadline.ts";
import { partDeadline } from "../../../../src/domain/shared/retry.ts";

test("an answer that arrived while the event loop was blocked is in time", async (t) => {
  const answering = new Worker(
    "const { parentPort } = require('node:worker_threads'); parentPort.on('message', (m) => parentPort.postMessage(m));",
    { eval: true },
  );
  t.after(() => answering.terminate());
  answering.postMessage("ready");
  await once(answering, "message");
  // From here to the next look at sockets and messages the loop comes by its timers.
  await new Promise(setImmediate);
  const answer = within(20, async () => {
    const [message] = await once(answering, "message");
    return message;
  });
  answering.postMessage("answered");
  // Without a turn of the loop, until the answer is there and the timer due.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  assert.equal(await answer, "answered");
});

test("a call that neither ends nor obeys its signal is abandoned, and its signal gives the reason", async () => {
  let signal: AbortSignal | undefined;
  const never = within(1, (given) => {
    signal = given;
    return new Promise(() => {});
  });
  await assert.rejects(never, { name: "DeadlineExceeded", message: "deadline_exceeded" });
  assert.ok(signal?.aborted);
});

for (const [name, end] of [
  ["within", within],
  ["limited", limited],
] as const) {
  test(`${name}: the signal of a call aborts with the outer one, at once where that has aborted`, async () => {
    const outer = new AbortController();
    const reasonOf = (signal: AbortSignal) =>
      new Promise((resolve) => {
        if (signal.aborted) resolve(signal.reason);
        else signal.addEventListener("abort", () => resolve(signal.reason));
      });
    await end(60_000, async () => {}, outer.signal);
    assert.deepEqual(getEventListeners(outer.signal, "abort"), [], "a call that has ended no longer follows");
    const ended = end(60_000, reasonOf, outer.signal);
    outer.abort("over");
    assert.equal(await ended, "over");
    assert.equal(await end(60_000, reasonOf, outer.signal), "over");
  });
}

test("a call that obeys its signal says itself what happened in so many milliseconds", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const reason = limited(5, (signal) =>
    new Promise((resolve) => signal.addEventListener("abort", resolve)).then(() => signal.reason),
  );
  t.mock.timers.tick(5);
  assert.ok((await reason) instanceof DeadlineExceeded);
});

test("nothing is left of a deadline that a part and its request follow, once its time is over", async () => {
  const startDeadline = (withinMs: number) => ({ atMs: 0, signal: AbortSignal.timeout(Math.min(withinMs, 50)) });
  const signals = () => queryObjects(AbortSignal, { format: "count" });
  const ask = async () => {
    const part = partDeadline(startDeadline(50), { startDeadline });
    const listen = async (signal: AbortSignal) => {
      signal.addEventListener("abort", () => {}, { once: true });
    };
    await within(20_000, (signal) => limited(10_000, listen, signal), part.signal);
  };
  await ask();
  await sleep(200);
  const before = signals();
  for (let i = 0; i < 200; i++) await ask();
  let left = signals() - before;
  // Each round collects what the timers and finalizers of the one before have let go of.
  for (let i = 0; i < 100 && left > 20; i++) {
    await sleep(50);
    left = signals() - before;
  }
  assert.ok(left <= 20, `${left} signals are left`);
});
