import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createFramedEvents } from "../../../../src/adapters/telemetry/framed-events.ts";
import type { KeyholdEvent } from "../../../../src/domain/events.ts";
import { samples } from "./telemetry-world.ts";

const { fault: _, ...refused } = samples.request_answered;
const fault = { code: "unexpected" as const, frames: ["a", "b"] };
const faulted: KeyholdEvent = { ...refused, outcome: "fault", fault };

function createRecorder(afterMs?: number) {
  const recorded: KeyholdEvent[] = [];
  const invocations = new AsyncLocalStorage<string>();
  const within: (string | undefined)[] = [];
  const decoded: string[] = [];
  const inSource = (frames: readonly string[]) => {
    decoded.push(...frames);
    return frames.map((frame) => `${frame} in source`);
  };
  const record = (event: KeyholdEvent) => {
    recorded.push(event);
    within.push(invocations.getStore());
  };
  return { ...createFramedEvents(record, inSource, afterMs), recorded, decoded, invocations, within };
}

test("events without frames are recorded at once and unchanged", () => {
  const { record, recorded, decoded } = createRecorder();
  record(refused);
  record(samples.policy_applied);
  assert.deepEqual(recorded, [refused, samples.policy_applied]);
  assert.deepEqual(decoded, []);
});

test("an event with frames is recorded by source a moment later, after the answer", async () => {
  const { record, recorded, decoded } = createRecorder(1);
  record(faulted);
  record(samples.sign_audit_failed);
  assert.deepEqual([recorded, decoded], [[], []]);
  for (let i = 0; i < 500 && recorded.length === 0; i++) await sleep(10);
  assert.deepEqual(recorded, [
    { ...faulted, fault: { ...fault, frames: ["a in source", "b in source"] } },
    { ...samples.sign_audit_failed, frames: samples.sign_audit_failed.frames?.map((frame) => `${frame} in source`) },
  ]);
});

test("waiting events are recorded before the process ends, once", async () => {
  const { record, flush, recorded } = createRecorder(1);
  record(faulted);
  flush();
  assert.equal(recorded.length, 1);
  flush();
  await sleep(20);
  assert.equal(recorded.length, 1);
});

test("an event with frames belongs to the invocation in which it happened", () => {
  const { record, flush, invocations, within } = createRecorder();
  invocations.run("first", () => record(faulted));
  invocations.run("second", () => record(samples.credentials_check_failed));
  invocations.run("shutdown", flush);
  assert.deepEqual(within, ["first", "second"]);
});
