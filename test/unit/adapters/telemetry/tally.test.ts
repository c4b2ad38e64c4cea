import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TimedEvent } from "../../../../src/adapters/telemetry/queue.ts";
import { createAnswerTally } from "../../../../src/adapters/telemetry/tally.ts";
import type { KeyholdEvent } from "../../../../src/domain/events.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import {
  billingObjectId as callerObjectId,
  clientId,
  contosoId,
  fabrikamId,
  graphScope,
} from "../../../support/fixtures/ids.ts";
import { createIngestion, openTelemetry, samples } from "./telemetry-world.ts";

type Answered = Extract<KeyholdEvent, { event: "request_answered" }>;

const cached: Answered = {
  ...{ event: "request_answered", operation: "token", correlationId: "first", outcome: "issued", durationMs: 1 },
  ...{ tenantId: contosoId, clientId, scope: graphScope, callerObjectId, callerName: "billing", cached: true },
};

/** A tally that is told of nothing until it is flushed. */
function openTally() {
  const told: TimedEvent[] = [];
  const tally = createAnswerTally({ everyMs: 2 ** 30, share: 1 }, (counted) => told.push(counted));
  return { told, flush: tally.flush, count: (event: KeyholdEvent) => tally.count({ event, timeMs: startMs }) };
}

describe("events that are counted together", () => {
  test("answers from the cache that differ only in their time are one event with their number and mean duration", () => {
    const { told, count, flush } = openTally();
    for (const [index, durationMs] of [1, 2, 6].entries()) {
      assert.equal(count({ ...cached, durationMs, correlationId: index === 0 ? "first" : `later-${index}` }), true);
    }
    flush();
    assert.deepEqual(told, [{ event: { ...cached, durationMs: 3 }, timeMs: startMs, count: 3 }]);
  });

  const others: Partial<Answered>[] = [
    { tenantId: fabrikamId },
    { clientId: contosoId },
    { scope: "https://vault.azure.net/.default" },
    { callerObjectId: contosoId },
    { callerName: "orders" },
    { operation: "assertion" },
  ];
  for (const other of others) {
    test(`an answer with another ${Object.keys(other)} is a separate event`, () => {
      const { told, count, flush } = openTally();
      count(cached);
      count({ ...cached, ...other });
      flush();
      assert.deepEqual(
        told.map((each) => each.count),
        [1, 1],
      );
    });
  }

  test("requests that were refused unread are one event for each reason, whatever they asked for", () => {
    const { told, count, flush } = openTally();
    const refused = { ...cached, outcome: "refused", cached: undefined } as unknown as Answered;
    for (const reason of ["caller_key_not_looked_up", "overloaded"] as const) {
      for (let i = 0; i < 500; i++) count({ ...refused, scope: `https://made-up-${i}/.default`, refusal: { reason } });
    }
    flush();
    assert.deepEqual(
      told.map((each) => each.count),
      [500, 500],
    );
  });

  test("with a share of a quarter, that part of the events is sent, each counting for four", () => {
    const told: TimedEvent[] = [];
    const draws = [0.9, 0.1, 0.25, 0.24];
    const random = () => draws.shift() ?? assert.fail("one draw for each event");
    const tally = createAnswerTally({ everyMs: 2 ** 30, share: 0.25, random }, (counted) => told.push(counted));
    for (const callerName of ["a", "b", "c", "d"]) {
      for (let i = 0; i < 3; i++) tally.count({ event: { ...cached, callerName }, timeMs: startMs });
    }
    tally.flush();
    assert.deepEqual(
      told.map(({ event, count }) => [(event as Answered).callerName, count]),
      [
        ["b", 12],
        ["d", 12],
      ],
    );
  });

  test("above this number of different events, all are reported at once, without waiting", () => {
    const { told, count } = openTally();
    for (let i = 0; i < 1_000; i++) count({ ...cached, callerName: `caller-${i}` });
    assert.equal(told.length, 1_000);
  });

  test("nothing is reported twice", () => {
    const { told, count, flush } = openTally();
    count(cached);
    flush();
    flush();
    assert.equal(told.length, 1);
  });
});

describe("events that are never counted together", () => {
  const each: [name: string, event: KeyholdEvent][] = [
    ["a token that was minted", { ...cached, cached: false }],
    ["an answer of which that is not known", { ...cached, cached: undefined } as unknown as KeyholdEvent],
    ["a refusal", { ...cached, outcome: "refused", refusal: { reason: "caller_token_missing" } }],
    ["a fault", { ...cached, outcome: "fault", fault: { code: "signer_forbidden" } }],
    ...Object.entries(samples),
  ];
  for (const [name, event] of each) {
    test(name, () => {
      const { told, count, flush } = openTally();
      assert.equal(count(event), false);
      flush();
      assert.deepEqual(told, []);
    });
  }
});

describe("in Application Insights", async () => {
  const ingestion = createIngestion();
  const telemetry = openTelemetry(ingestion, { tallyEveryMs: 2 ** 30 });
  for (let i = 0; i < 500; i++) telemetry.record({ ...cached, correlationId: `${i}` });
  telemetry.record({ ...cached, cached: false });
  // As at SIGTERM.
  await telemetry.flush(20_000);
  const events = ingestion.events().map(({ data }) => data.baseData.properties);

  test("five hundred equal answers are one event with their number, and a mint has no number", () => {
    assert.deepEqual(
      events.map(({ cached, count, correlationId }) => ({ cached, count, correlationId })),
      [
        { cached: "false", count: undefined, correlationId: "first" },
        { cached: "true", count: "500", correlationId: "0" },
      ],
    );
  });

  test("the metrics include every answer", () => {
    const issued = ingestion.measured().filter(({ name }) => name === "keyhold.tokens.issued");
    assert.deepEqual(issued.map(({ value }) => value).sort(), [1, 500]);
  });
});
