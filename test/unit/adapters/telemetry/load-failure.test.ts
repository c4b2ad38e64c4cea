import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Tuning } from "../../../../src/adapters/telemetry/telemetry.ts";
import { createIngestion, issued, openTelemetry, samples } from "./telemetry-world.ts";

/** Loads of the SDK that fail so many times, and then succeed. */
function createLoads(failures: number) {
  const loads = { attempts: 0, reported: [] as unknown[] };
  const loadPipeline: Tuning["loadPipeline"] = async () => {
    loads.attempts += 1;
    if (loads.attempts <= failures) throw new Error(`load ${loads.attempts}`);
    return import("../../../../src/adapters/telemetry/azure-monitor.ts");
  };
  const onLoadFailure = (error: unknown) => void loads.reported.push((error as Error).message);
  return { loads, loadPipeline, onLoadFailure };
}

test("each failed load of the SDK is reported and retried after a wait, and no event in the meantime is lost", async () => {
  const ingestion = createIngestion();
  const { loads, loadPipeline, onLoadFailure } = createLoads(2);
  const telemetry = openTelemetry(ingestion, { loadPipeline, loadAgainAfterMs: [1, 2] }, onLoadFailure);
  telemetry.record(issued);
  for (let i = 0; i < 500 && loads.attempts === 0; i++) await sleep(1);
  telemetry.record(samples.sign_audit_finding);
  for (let i = 0; i < 2_000 && ingestion.events().length < 2; i++) await sleep(10);
  assert.deepEqual(loads, { attempts: 3, reported: ["load 1", "load 2"] });
  const names = ingestion.events().map(({ data }) => data.baseData.name);
  assert.deepEqual(names.sort(), ["request_answered", "sign_audit_finding"]);
});

test("events do not cause another load before the wait is over", async () => {
  const { loads, loadPipeline, onLoadFailure } = createLoads(1);
  const telemetry = openTelemetry(createIngestion(), { loadPipeline, loadAgainAfterMs: [60_000] }, onLoadFailure);
  telemetry.record(issued);
  for (let i = 0; i < 500 && loads.reported.length === 0; i++) await sleep(1);
  for (let i = 0; i < 10; i++) telemetry.record(issued);
  await sleep(50);
  assert.equal(loads.attempts, 1);
});

test("a flush does not wait for it: at the end of the process another load is attempted at once", async () => {
  const ingestion = createIngestion();
  const { loads, loadPipeline, onLoadFailure } = createLoads(1);
  const telemetry = openTelemetry(ingestion, { loadPipeline, loadAgainAfterMs: [60_000] }, onLoadFailure);
  telemetry.record(issued);
  await telemetry.flush(20_000);
  assert.deepEqual(loads, { attempts: 1, reported: ["load 1"] });
  await telemetry.flush(20_000);
  assert.equal(loads.attempts, 2);
  assert.equal(ingestion.events().length, 1);
});

test("waiting events respect the queue's limit, and those that did not fit are counted", async () => {
  const ingestion = createIngestion();
  const { loadPipeline, onLoadFailure } = createLoads(1);
  const tuning = { loadPipeline, loadAgainAfterMs: [60_000], maxWaiting: 10 };
  const telemetry = openTelemetry(ingestion, tuning, onLoadFailure);
  for (let i = 0; i < 10; i++) telemetry.record(samples.sign_audit_finding);
  await telemetry.flush(20_000);
  for (let i = 0; i < 5; i++) telemetry.record(samples.sign_audit_finding);
  await telemetry.flush(20_000);
  assert.equal(ingestion.events().length, 10);
  assert.equal(ingestion.measured().find(({ name }) => name === "keyhold.telemetry.lost")?.value, 5);
});
