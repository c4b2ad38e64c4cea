import assert from "node:assert/strict";
import { test } from "node:test";
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
