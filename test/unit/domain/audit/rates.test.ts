import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditEvent } from "../../../../src/domain/audit/events.ts";
import { judgeRates, type RateHistory, reportAbnormalRates } from "../../../../src/domain/audit/rates.ts";
import { settleMs, windowMs } from "../../../../src/domain/audit/sign-rate.ts";
import { createAuditStore } from "../../../support/fakes/audit-store.ts";
import { at } from "../../../support/fixtures/sign-audit.ts";

function begin() {
  const events: AuditEvent[] = [];
  const writes: string[] = [];
  const history: RateHistory = new Map();
  const reported = new Set<string>();
  const ports = {
    record: (event: AuditEvent) => events.push(event),
    store: createAuditStore((write) => writes.push(write)),
  };
  const judge = (seconds: number, signs: Record<string, number>, keys: readonly string[] = ["Token-Signing"]) =>
    judgeRates(
      { fromMs: at(seconds), toMs: at(seconds) + windowMs },
      new Map(Object.entries(signs)),
      history,
      keys,
      reported,
      ports,
    );
  return { events, writes, history, reported, ports, judge };
}

test("a key's signatures are found in the log in any letter case of its name, and no signature is a count of 0", async () => {
  const { events, ports, judge } = begin();
  await judge(0, { "token-signing": 7, other: 9 }, ["Token-Signing", "publisher"]);
  assert.deepEqual(
    events.map((event) => event.event === "sign_rate_judged" && [event.keyName, event.signs, event.windowFromMs]),
    [
      ["Token-Signing", 7, at(0)],
      ["publisher", 0, at(0)],
    ],
  );
  assert.equal(ports.store.stored.rates.get("Token-Signing")?.get(at(0))?.signs, 7);
  assert.equal(ports.store.stored.rates.get("publisher")?.get(at(0))?.signs, 0);
});

test("a window with an unchanged count is neither reported nor written again; a changed count is both", async () => {
  const { events, writes, history, judge } = begin();
  await judge(0, { "token-signing": 7 });
  await judge(0, { "token-signing": 7 });
  assert.deepEqual([events.length, writes.length], [1, 1]);
  await judge(0, { "token-signing": 8 });
  assert.deepEqual([events.length, writes.length], [2, 2]);
  assert.equal(history.get("Token-Signing")?.get(at(0))?.signs, 8);
});

test("a window is written again if its verdict changes while its count stays the same", async () => {
  const { history, writes, judge } = begin();
  await judge(0, { "token-signing": 7 });
  const windows = history.get("Token-Signing");
  const window = windows?.get(at(0)) ?? assert.fail();
  windows?.set(at(0), { ...window, verdict: "above" });
  await judge(0, { "token-signing": 7 });
  assert.equal(writes.length, 2);
});

test("a burst that only a late look at an old window shows raises one alarm", async () => {
  const { events, reported, history, ports, judge } = begin();
  await judge(0, { "token-signing": 1_001 });
  await judge(300, { "token-signing": 1_001 });
  const alarms = () => events.filter(({ event }) => event === "sign_rate_abnormal");
  assert.equal(alarms().length, 1);
  reportAbnormalRates(at(600) + settleMs, history, reported, ports);
  assert.equal(alarms().length, 1, "this run has reported it");
  reportAbnormalRates(at(600) + settleMs, history, new Set(), ports);
  assert.equal(alarms().length, 2, "the next one reports it again");
  reportAbnormalRates(at(4_500) + settleMs, history, new Set(), ports);
  assert.equal(alarms().length, 2, "an hour later it is over");
});
