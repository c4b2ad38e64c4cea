import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeYear } from "../../../../bench/baseline/evaluate.ts";
import { incidents, inject } from "../../../../bench/baseline/incidents.ts";
import { randomOf } from "../../../../local/synthetic-year/random.ts";
import { profiles } from "../../../../local/synthetic-year/synthetic-year.ts";

/** One year of one key of bench/baseline.ts: the targets hold, and stay as they are unless a constant changes. */
const seed = 7;
const profile = profiles.find(({ name }) => name === "large") ?? assert.fail();
const random = randomOf(seed);
const { year, judged, falseAlarms } = judgeYear(profile, random);

function injected(name: string, injections: number) {
  const incident = incidents.find((each) => each.name === name) ?? assert.fail(name);
  return inject(incident, year, judged, random, injections);
}

test("a synthetic year has at most four false alarms", (t) => {
  t.diagnostic(`seed ${seed}: ${falseAlarms.length} false alarms`);
  assert.ok(falseAlarms.length <= 4);
});

test("the year's own outage is found within three windows", () => {
  const found = Array.from({ length: 3 }, (_, i) => judged.get(year.outage.startMs + i * 300_000)?.verdict);
  assert.ok(found.includes("below"));
});

test("every threefold burst in business hours is found within two windows", () => {
  assert.equal(injected("threefold burst, busy hours", 20).inTime, 20);
});

test("every dead broker in business hours is found within three windows", () => {
  assert.equal(injected("dead broker, busy hours", 20).inTime, 20);
});

test("the baseline does not find a slow leak; reconciliation does", () => {
  assert.equal(injected("slow leak, one more an hour, two weeks", 2).found, 0);
});
