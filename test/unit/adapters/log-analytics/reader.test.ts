/** The reader over the unchanged SDK, over TLS, against the emulated Azure Monitor. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { faultAnswers } from "../../../../local/emulators/azure-monitor/emulator.ts";
import { createVaultLogReader, type VaultLogReaderOptions } from "../../../../src/adapters/log-analytics/reader.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import {
  reader,
  signEvent,
  signingObjectId,
  startMs,
  startVaultLogWorld,
  stranger,
  type VaultLogWorld,
  vaultResourceId,
  workspaceId,
} from "./vault-log-world.ts";

let world: VaultLogWorld;

before(async () => {
  world = await startVaultLogWorld();
});
after(() => world.stop());
beforeEach(() => world.reset());

function readerOptions(): VaultLogReaderOptions {
  return {
    ...{ cloud: clouds.public, workspaceId, vaultResourceId, signingObjectId },
    credential: world.credential(reader),
  };
}

function readerWith(options: Partial<VaultLogReaderOptions> = {}) {
  return createVaultLogReader({ ...readerOptions(), ...options });
}

function read(durationMs = 300_000, options: Partial<VaultLogReaderOptions> = {}) {
  return readerWith(options).read(startMs, startMs + durationMs);
}

const idsOf = (rows: { requestId: string }[]) => rows.map(({ requestId }) => requestId).sort();
const loggedIds = () => world.audit.map((event) => event.CorrelationId).sort();

describe("a range", () => {
  test("returns every operation in it, including its start and excluding its end", async () => {
    world.audit.push(
      signEvent(-1),
      signEvent(0),
      signEvent(299_999, { OperationName: "SecretGet", Id: "https://v.vault.azure.net/secrets/s/1" }),
      signEvent(300_000),
    );
    const rows = await read();
    assert.deepEqual(
      rows.map((row) => [row.operation, row.timeMs - startMs, row.keyName]),
      [
        ["KeySign", 0, "client-assertion"],
        ["SecretGet", 299_999, undefined],
      ],
    );
  });

  test("of other identities has their signatures only, and no refused requests", async () => {
    const byOther = { Identity: { claim: { oid: "99999999-1111-4111-8111-111111111111" } } };
    world.audit.push(
      signEvent(1, byOther),
      signEvent(2, { ...byOther, OperationName: "KeyGet" }),
      signEvent(3, { HttpStatusCode: 403 }),
      signEvent(4, { HttpStatusCode: 401, OperationName: "Authentication", Identity: { claim: {} } }),
    );
    assert.deepEqual(
      (await read()).map(({ timeMs }) => timeMs - startMs),
      [1],
    );
  });

  test("costs one query, however many unidentified requests were made", async () => {
    const noise = { HttpStatusCode: 401, OperationName: "Authentication", Identity: { claim: {} } };
    for (let i = 0; i < 40_000; i++) world.audit.push(signEvent(i, noise));
    assert.deepEqual(await read(60_000), []);
    assert.deepEqual(await readerWith().refusals(startMs, startMs + 60_000), []);
    assert.equal(world.monitor.queries.length, 2);
  });

  test("that is empty costs no query", async () => {
    assert.deepEqual(await read(0), []);
    assert.equal(world.monitor.queries.length, 0);
  });

  test("has the rows of one vault, or without a vault the rows of all", async () => {
    world.audit.push(signEvent(0), signEvent(1, { _ResourceId: `${vaultResourceId}2` }));
    assert.equal((await read()).length, 1);
    assert.equal((await read(300_000, { vaultResourceId: vaultResourceId.toUpperCase() })).length, 1);
    const { vaultResourceId: _, ...anyVault } = readerOptions();
    assert.equal((await createVaultLogReader(anyVault).read(startMs, startMs + 300_000)).length, 2);
  });

  test("takes no id that could end the literal in the query", () => {
    assert.throws(() => read(1, { vaultResourceId: 'v" or true' }), RangeError);
    assert.throws(() => read(1, { signingObjectId: 'a" or true' }), RangeError);
  });
});

describe("an incomplete answer", () => {
  test("is requested again in halves until each is below the row limit", async () => {
    world.audit.push(...Array.from({ length: 100 }, (_, i) => signEvent(i * 3_000)));
    assert.deepEqual(idsOf(await read(300_000, { maxRows: 30 })), loggedIds());
    assert.deepEqual(
      world.monitor.queries.map(({ rows }) => rows),
      [30, 30, 25, 25, 25, 25],
    );
  });

  test("costs few queries after a burst too", async () => {
    world.audit.push(...Array.from({ length: 100 }, (_, i) => signEvent(i)), signEvent(299_999));
    assert.deepEqual(idsOf(await read(300_000, { maxRows: 30 })), loggedIds());
    assert.ok(world.monitor.queries.length < 70, `${world.monitor.queries.length}`);
  });

  test("is not used if the service calls it partial", async () => {
    world.audit.push(...Array.from({ length: 40 }, (_, i) => signEvent(i)));
    world.monitor.log.rowLimit = 15;
    assert.deepEqual(idsOf(await read(40)), loggedIds());
    assert.deepEqual(
      world.monitor.queries.map(({ rows, isPartial }) => [rows, isPartial]),
      [
        [15, true],
        [15, true],
        [10, false],
        [10, false],
        [10, false],
        [10, false],
      ],
    );
  });
});

describe("the behaviour of the log", () => {
  test("duplicate rows are returned twice, in any order", async () => {
    world.audit.push(...Array.from({ length: 20 }, (_, i) => signEvent(i)));
    Object.assign(world.monitor.log, { duplicateShare: 1, reorder: true });
    const rows = await read();
    assert.deepEqual(idsOf(rows), [...loggedIds(), ...loggedIds()].sort());
    const times = rows.map(({ timeMs }) => timeMs);
    assert.notDeepEqual(times, times.toSorted());
  });

  test("a row is missing until its lag has passed, and a late one appears later still", async () => {
    world.audit.push(signEvent(0));
    Object.assign(world.monitor.log, { ingestionLagMs: 600_000, lateShare: 1, lateMs: 60_000 });
    world.clock.nowMs = startMs + 659_999;
    assert.equal((await read()).length, 0);
    world.clock.nowMs += 1;
    assert.equal((await read()).length, 1);
  });

  test("a row that was removed is missing", async () => {
    world.audit.push(signEvent(0), signEvent(1));
    world.monitor.log.cut = [{ correlationId: world.audit[0]?.CorrelationId ?? "" }];
    assert.deepEqual(idsOf(await read()), [world.audit[1]?.CorrelationId]);
  });
});

describe("refusals", () => {
  test("are one row for each identity, operation and status, with their number and the first's facts", async () => {
    const stranger = { Identity: { claim: { oid: "99999999-1111-4111-8111-111111111111" } } };
    for (let i = 0; i < 50; i++) {
      const address = { CallerIpAddress: `198.51.100.${i}` };
      world.audit.push(signEvent(1_000 + i, { ...stranger, ...address, HttpStatusCode: 403 }));
    }
    world.audit.push(signEvent(5, { HttpStatusCode: 429 }), signEvent(6, { HttpStatusCode: 400 }));
    world.audit.push(signEvent(7, { ...stranger, OperationName: "KeyGet", HttpStatusCode: 403 }));
    Object.assign(world.monitor.log, { duplicateShare: 1 });
    const facts = (refusals: Awaited<ReturnType<ReturnType<typeof readerWith>["refusals"]>>) =>
      refusals
        .map((each) => [each.httpStatus, each.count, each.timeMs - startMs, each.lastMs - startMs, each.callerAddress])
        .sort();
    const expected = [
      [400, 1, 6, 6, "10.0.0.4"],
      [403, 50, 1_000, 1_049, "198.51.100.0"],
      [429, 1, 5, 5, "10.0.0.4"],
    ];
    assert.deepEqual(facts(await readerWith().refusals(startMs, startMs + 2_000)), expected);
    const halved = await readerWith({ maxRows: 3 }).refusals(startMs, startMs + 2_000);
    assert.deepEqual(facts(halved), expected);
  });

  test("of one group in two halves are put together, with the first's facts and the last's time", async () => {
    const refused = (afterMs: number, oid: string, address: string) =>
      signEvent(afterMs, { HttpStatusCode: 403, CallerIpAddress: address, Identity: { claim: { oid } } });
    const [one, other, third] = [1, 2, 3].map((i) => `99999999-1111-4111-8111-00000000000${i}`) as [
      string,
      string,
      string,
    ];
    world.audit.push(
      ...[refused(100, one, "198.51.100.1"), refused(200, other, "198.51.100.2")],
      ...[refused(1_800, third, "198.51.100.3"), refused(1_900, one, "198.51.100.4")],
    );
    const refusals = await readerWith({ maxRows: 3 }).refusals(startMs, startMs + 2_000);
    assert.deepEqual(
      refusals.map((each) => [each.callerObjectId, each.count, each.lastMs - startMs, each.callerAddress]),
      [
        [one, 2, 1_900, "198.51.100.1"],
        [other, 1, 200, "198.51.100.2"],
        [third, 1, 1_800, "198.51.100.3"],
      ],
    );
  });
});

describe("arrivals", () => {
  test("are the windows with rows that were ingested in that time, however old, and their numbers of rows", async () => {
    const dayMs = 86_400_000;
    world.audit.push(signEvent(-3 * dayMs), signEvent(-3 * dayMs + 2_500), signEvent(0), signEvent(1_000));
    Object.assign(world.monitor.log, { lateShare: 1, lateMs: 3 * dayMs });
    world.clock.nowMs = startMs + 60_000;
    const expected = [{ fromMs: startMs - 3 * dayMs, rows: 2 }];
    assert.deepEqual(await readerWith().arrivals(startMs, startMs + 1), expected);
    assert.deepEqual(await readerWith().arrivals(startMs + 1, startMs + 2_500), []);
  });

  test("of rows are noticed up to ninety days after these were generated", async () => {
    const longestMs = 90 * 86_400_000;
    world.audit.push(signEvent(-longestMs), signEvent(-longestMs - 1));
    Object.assign(world.monitor.log, { lateShare: 1, lateMs: longestMs });
    const expected = [{ fromMs: startMs - longestMs, rows: 1 }];
    assert.deepEqual(await readerWith().arrivals(startMs, startMs + 1), expected);
    world.monitor.log.lateMs += 1;
    assert.deepEqual(await readerWith().arrivals(startMs, startMs + 1), []);
  });

  test("are read in halves too", async () => {
    world.audit.push(...Array.from({ length: 10 }, (_, i) => signEvent(i * 300_000)));
    const windows = await readerWith({ maxRows: 4 }).arrivals(startMs, startMs + 3_000_000);
    assert.deepEqual(
      windows,
      world.audit.map((event) => ({ fromMs: Date.parse(event.TimeGenerated), rows: 1 })),
    );
    assert.ok(world.monitor.queries.length > 3);
  });
});

test("the log's own clock is read from the log", async () => {
  world.clock.nowMs = startMs + 123_456;
  assert.equal(await readerWith().now(), startMs + 123_456);
});

describe("a failure", () => {
  const trouble = (options: Partial<VaultLogReaderOptions> = {}) =>
    read(300_000, options).then(
      () => assert.fail("it was read"),
      (error) => ({ name: error.name, trouble: error.trouble, ...error.detail }),
    );

  test("that is temporary is retried: throttling, a 5xx, a cut connection", async () => {
    world.audit.push(signEvent(0));
    world.monitor.behaviour.faults = [
      { ...faultAnswers.throttled, times: 1 },
      { ...faultAnswers.internalError, times: 1 },
    ];
    assert.equal((await read()).length, 1);
    world.monitor.behaviour.faults = [{ drop: true, times: 1 }];
    assert.equal((await read()).length, 1);
  });

  test("by throttling for longer than the deadline is reported with the requested wait", async () => {
    world.monitor.behaviour.faults = [{ ...faultAnswers.throttled, headers: { "retry-after": "30" } }];
    const startedMs = performance.now();
    const { because: _, ...said } = await trouble({ deadlineMs: 300 });
    assert.deepEqual(said, {
      name: "VaultLogUnavailable",
      trouble: "throttled",
      httpStatus: 429,
      retryAfterSeconds: 30,
    });
    assert.ok(performance.now() - startedMs < 2_000);
  });

  test("of an identity without the right to read is distinguished", async () => {
    const said = await trouble({ credential: world.credential(stranger) });
    assert.deepEqual([said.trouble, said.httpStatus], ["forbidden", 403]);
    const forged = { getToken: async () => ({ token: "e30.e30.", expiresOnTimestamp: Date.now() + 3_600_000 }) };
    assert.equal((await trouble({ credential: forged })).httpStatus, 401);
  });

  test("a national cloud gets a token of its own, and the public cloud gets no request", async () => {
    const scopes: string[] = [];
    const credential: VaultLogReaderOptions["credential"] = {
      async getToken(scope) {
        scopes.push(...[scope].flat());
        return { token: "t", expiresOnTimestamp: Date.now() + 3_600_000 };
      },
    };
    for (const cloud of [clouds.usgovernment, clouds.china]) await trouble({ cloud, credential, deadlineMs: 100 });
    assert.deepEqual(
      [...new Set(scopes)],
      ["https://api.loganalytics.us/.default", "https://api.loganalytics.azure.cn/.default"],
    );
    assert.equal(world.monitor.queries.length, 0);
  });

  test("a workspace that does not exist is rejected", async () => {
    assert.equal((await trouble({ workspaceId: "aaaaaaaa-0000-4000-8000-000000000009" })).trouble, "rejected");
  });

  test("a proxy's page keeps its status, and its text is not reported", async () => {
    world.monitor.behaviour.faults = [{ ...faultAnswers.badGateway }];
    const said = await trouble();
    assert.deepEqual([said.trouble, said.httpStatus], ["unavailable", 502]);
    assert.doesNotMatch(JSON.stringify(said), /html|loganalytics/i);
  });

  test("an answer of another shape is never treated as an empty log", async () => {
    const columns = [{ name: "TimeGenerated", type: "datetime" }];
    for (const body of [{}, { tables: [] }, { tables: [{ name: "PrimaryResult", columns, rows: [] }] }, "[]"]) {
      world.monitor.behaviour.faults = [{ status: 200, body }];
      assert.match((await trouble()).trouble, /^(unexpected|unavailable)$/);
    }
  });

  // Last but for the service that is stopped: the emulator goes on with requests that nobody waits for.
  test("a query without an answer ends at the deadline", async () => {
    world.monitor.behaviour.faults = [{ delayMs: 4_000 }];
    assert.equal((await trouble({ deadlineMs: 100 })).trouble, "timed_out");
    world.audit.push(signEvent(0), signEvent(299_000));
    world.monitor.behaviour.faults = [{ delayMs: 4_000, times: 2 }];
    assert.equal((await read(300_000, { deadlineMs: 1_500 })).length, 2, "halves that are fast enough");
  });

  test("a service that is down is unavailable", async () => {
    await world.monitor.stop();
    try {
      assert.equal((await trouble()).trouble, "unavailable");
    } finally {
      await world.monitor.start();
    }
  });
});
