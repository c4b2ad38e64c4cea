import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { SdkLogRecord } from "@opentelemetry/sdk-logs";
import { createLane } from "../../../../src/adapters/telemetry/lane.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

test("a batch that was taken is not kept until its attempt would have been given up", async () => {
  const options = { sendAfterMs: 1, retryDelaysMs: [], attemptWithinMs: 30_000, maxWaiting: 100 };
  let taken = 0;
  const lane = createLane(
    async (records) => {
      taken += records.length;
      return [];
    },
    options,
    (count) => assert.fail(`${count} lost`),
  );
  const emit = () => {
    const record = { attributes: {} } as unknown as SdkLogRecord;
    lane.onEmit(record);
    return new WeakRef(record);
  };
  const record = emit();
  await lane.forceFlush();
  assert.equal(taken, 1);
  // What a WeakRef was made of lives to the end of its turn.
  await nextTurn();
  collectGarbage();
  assert.equal(record.deref(), undefined);
});

test("before the process ends, an attempt that hangs is given up after a second and the next one follows soon", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  let attempts = 0;
  const options = { sendAfterMs: 1, retryDelaysMs: [60_000, 60_000], attemptWithinMs: 30_000, maxWaiting: 100 };
  const lane = createLane(
    async () => (++attempts < 3 ? new Promise(() => {}) : []),
    options,
    (count) => assert.fail(`${count} lost`),
  );
  const pass = async (ms: number) => {
    mock.timers.tick(ms);
    await nextTurn();
  };
  lane.onEmit({ attributes: {} } as unknown as SdkLogRecord);
  await pass(1);
  assert.equal(attempts, 1);
  let isFlushed = false;
  void lane.forceFlush().then(() => {
    isFlushed = true;
  });
  await pass(999);
  assert.equal(attempts, 1);
  await pass(1);
  await pass(200);
  assert.equal(attempts, 2, "the attempt that was under way has a second more");
  await pass(1_000);
  await pass(200);
  assert.equal(attempts, 3);
  await nextTurn();
  assert.ok(isFlushed, "within 2.4 s");
  mock.timers.reset();
});
