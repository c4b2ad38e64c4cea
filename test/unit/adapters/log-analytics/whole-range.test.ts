/** How a range of the log is read in parts, each of them whole, from a service that answers as a script says. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LogsQueryResult, LogsTable } from "@azure/monitor-query-logs";
import { readWhole } from "../../../../src/adapters/log-analytics/whole-range.ts";
import { VaultLogUnavailable } from "../../../../src/domain/audit/ports.ts";

const maxRows = 30;
/** Odd, so that its halves are not equal. */
const wholeMs = 1_603;
const startMs = Date.UTC(2026, 0, 31, 12);
const tooMany = maxRows;
const slow = new VaultLogUnavailable("timed_out");
/** So many rows, a partial answer, an answer without a table, or a failure. */
type Answer = number | "partial" | "no table" | Error;

function answer(what: Answer): LogsQueryResult {
  if (what instanceof Error) throw what;
  const rows = Array.from({ length: Number(what) || 0 }, (_, i) => [i]);
  const table: LogsTable = { name: "PrimaryResult", columnDescriptors: [], rows };
  if (what === "partial") return { status: "PartialFailure", partialTables: [table] } as unknown as LogsQueryResult;
  return { status: "Success", tables: what === "no table" ? [] : [table] } as unknown as LogsQueryResult;
}

/** Reads a range of which the service answers in this order, the last answer again and again. */
async function read(script: Answer[], durationMs = wholeMs) {
  const answers = [...script];
  const asked: { fromMs: number; toMs: number }[] = [];
  const taken: number[] = [];
  const failure = await readWhole(
    async (range) => {
      asked.push(range);
      return answer((answers.length > 1 ? answers.shift() : answers[0]) ?? 0);
    },
    { fromMs: startMs, toMs: startMs + durationMs },
    maxRows,
    ({ rows }) => taken.push(rows.length),
  ).catch((error: unknown) => error);
  return { failure, taken, asked, lengths: asked.map(({ fromMs, toMs }) => toMs - fromMs) };
}

/** Halves the whole until a part has 100 ms. */
const untilShort = [tooMany, tooMany, tooMany, tooMany];
const toShort = [1_603, 801, 400, 200];
const times = (count: number, length: number) => Array.from({ length: count }, () => length);

describe("the length of the parts", () => {
  test("is the whole where one answer holds it", async () => {
    const { taken, lengths } = await read([maxRows - 1]);
    assert.deepEqual([taken, lengths], [[maxRows - 1], [wholeMs]]);
  });

  test("is halved until an answer is whole, and doubled after each three that are small", async () => {
    const { failure, taken, asked, lengths } = await read([...untilShort, 9]);
    assert.equal(failure, undefined);
    assert.deepEqual(lengths, [...toShort, ...times(3, 100), ...times(3, 200), ...times(1, 400), 303]);
    assert.deepEqual(taken, times(8, 9));
    const ofParts = asked.slice(toShort.length);
    for (const [i, { fromMs }] of ofParts.entries()) {
      assert.equal(fromMs, ofParts[i - 1]?.toMs ?? startMs, "no time is left out or read twice");
    }
    assert.equal(ofParts.at(-1)?.toMs, startMs + wholeMs);
  });

  test("stays where the answers hold a third of what they may, or more", async () => {
    const { lengths } = await read([...untilShort, 10]);
    assert.deepEqual(lengths, [...toShort, ...times(16, 100), 3]);
  });

  test("is doubled only after three small answers in a row", async () => {
    const afterLarger = await read([...untilShort, 9, 9, 10, 9]);
    assert.deepEqual(afterLarger.lengths.slice(4, 12), [...times(6, 100), ...times(2, 200)]);
    const afterTooMany = await read([...untilShort, 9, 9, tooMany, 9]);
    assert.deepEqual(afterTooMany.lengths.slice(4, 12), [...times(3, 100), ...times(3, 50), ...times(2, 100)]);
  });
});

describe("an answer", () => {
  test("that is partial is thrown away, and asked for again in halves", async () => {
    const { taken, lengths } = await read(["partial", 9], 2);
    assert.deepEqual([taken, lengths], [times(2, 9), [2, 1, 1]]);
  });

  test("of one millisecond that is not whole ends the reading", async () => {
    for (const what of [tooMany, "partial"] as const) {
      const { failure, taken, lengths } = await read([what], 2);
      assert.equal((failure as VaultLogUnavailable).trouble, "incomplete");
      assert.deepEqual([taken, lengths], [[], [2, 1]]);
    }
  });

  test("without a table ends the reading", async () => {
    const { failure, lengths } = await read(["no table"]);
    assert.equal((failure as VaultLogUnavailable).trouble, "unexpected");
    assert.equal(lengths.length, 1);
  });
});

describe("a query that takes too long", () => {
  const gatewayTimeout = new VaultLogUnavailable("unavailable", { httpStatus: 504 });

  test("is asked again in halves, whether our deadline or that of the service has passed", async () => {
    for (const what of [slow, gatewayTimeout]) {
      const { failure, taken, lengths } = await read([what, 9], 2);
      assert.deepEqual([failure, taken, lengths], [undefined, times(2, 9), [2, 1, 1]]);
    }
  });

  test("four times in a row ends the reading: the log is down", async () => {
    const { failure, lengths } = await read([slow]);
    assert.equal(failure, slow);
    assert.deepEqual(lengths, toShort);
  });

  test("three times in a row does not, as often as that happens", async () => {
    const { failure } = await read([slow, slow, slow, 10, slow, slow, slow, 10]);
    assert.equal(failure, undefined);
  });

  test("for one millisecond ends the reading with what was wrong", async () => {
    const { failure, lengths } = await read([slow], 2);
    assert.equal(failure, slow);
    assert.deepEqual(lengths, [2, 1]);
  });
});

test("any other failure ends the reading at once", async () => {
  for (const error of [
    new VaultLogUnavailable("throttled", { httpStatus: 429 }),
    new VaultLogUnavailable("unavailable", { httpStatus: 503 }),
    new TypeError("timed_out"),
  ]) {
    const { failure, lengths } = await read([error, 9]);
    assert.equal(failure, error);
    assert.equal(lengths.length, 1);
  }
});
