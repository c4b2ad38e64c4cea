import assert from "node:assert/strict";
import { test } from "node:test";
import type { Attributes, Meter } from "@opentelemetry/api";
import { createInstruments } from "../../../../src/adapters/telemetry/instruments.ts";
import { measure } from "../../../../src/adapters/telemetry/metrics.ts";

/** A meter that keeps what it is given: metric, value and dimensions. */
function openMeter() {
  const given: [string, number, Attributes | undefined][] = [];
  const instrument = (name: string) => {
    const record = (value: number, dimensions?: Attributes) => void given.push([name, value, dimensions]);
    return { add: record, record, addCallback: () => {} };
  };
  const meter = {
    createCounter: instrument,
    createGauge: instrument,
    createHistogram: instrument,
    createObservableGauge: instrument,
  };
  return { given, meter: meter as unknown as Meter };
}

const hit = { operation: "token", cached: true };
const mint = { operation: "token", cached: false };

test("counts with equal dimensions are passed on as one sum, others separately, and each once", () => {
  const { given, meter } = openMeter();
  const { record, flush } = createInstruments(meter, 2 ** 30);
  for (let i = 0; i < 1_000; i++) record(measure("keyhold.tokens.issued", 1, { ...hit }));
  record(measure("keyhold.tokens.issued", 1, mint));
  record(measure("keyhold.audit.findings", 3, { finding: "x", severity: 0 }));
  assert.deepEqual(given, []);
  flush();
  flush();
  assert.deepEqual(given, [
    ["keyhold.tokens.issued", 1_000, hit],
    ["keyhold.tokens.issued", 1, mint],
    ["keyhold.audit.findings", 3, { finding: "x", severity: 0 }],
  ]);
});

test("counts are passed on automatically when their time is up", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { given, meter } = openMeter();
  const { record } = createInstruments(meter, 10_000);
  for (const value of [1, 2]) {
    record(measure("keyhold.tokens.issued", value, hit));
    t.mock.timers.tick(9_999);
    assert.equal(given.length, value - 1);
    t.mock.timers.tick(1);
    assert.deepEqual(given.at(-1), ["keyhold.tokens.issued", value, hit]);
  }
});

test("a duration is recorded separately, at once", () => {
  const { given, meter } = openMeter();
  const { record } = createInstruments(meter, 2 ** 30);
  record(measure("keyhold.request.duration", 5, { operation: "token" }));
  record(measure("keyhold.request.duration", 5, { operation: "token" }));
  assert.equal(given.length, 2);
});
