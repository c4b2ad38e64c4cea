/** What a deadline of an outside part measures: that part, and not the time in which this process was busy. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { DeadlineExceeded, within } from "../../../../src/adapters/azure/deadline.ts";

test("an answer that arrived while the event loop was held is in time", async (t) => {
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

test("a call that neither ends nor obeys its signal is given up, and its signal says so", async () => {
  let signal: AbortSignal | undefined;
  const never = within(1, (given) => {
    signal = given;
    return new Promise(() => {});
  });
  await assert.rejects(never, DeadlineExceeded);
  assert.ok(signal?.aborted);
});
