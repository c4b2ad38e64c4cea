import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { csvLine } from "../../../src/cli/ledger/row.ts";
import { parseTime } from "../../../src/cli/options.ts";
import { refuse } from "../../../src/domain/shared/result.ts";
import type { SignIntent, SignOutcome } from "../../../src/domain/signing/ledger.ts";
import { startMs } from "../../support/fakes/clock.ts";
import * as ids from "../../support/fixtures/ids.ts";
import { outcomes, tokenIntent } from "../../support/fixtures/ledger.ts";
import { holds } from "../../support/fixtures/property.ts";
import { createCliWorld, entry } from "./cli-world.ts";

const minuteMs = 60_000;
const [issued] = outcomes as [SignOutcome];
const ago = (minutes: number, differing: Partial<SignIntent> = {}) =>
  tokenIntent(startMs - minutes * minuteMs, differing);
const unreadable = refuse({
  reason: "row_unreadable" as const,
  partition: "2026\u001b[2J",
  rowKey: "r",
  properties: ["time"],
});

test("rows are shown newest first, with the names that the policy has for their ids", async () => {
  const world = createCliWorld();
  world.ledger.rows = [entry(ago(20), issued), entry(ago(10, { tenantId: ids.fabrikamId }))];
  const { exit, out } = await world.run("ledger");
  const [head, first, second, ...rest] = out.split("\n");
  assert.equal(exit, 0);
  assert.match(head ?? "", /^TIME\s+PURPOSE\s+CALLER/);
  assert.match(first ?? "", /11:50:00Z\s+token\s+billing\s+broker\s+fabrikam\s+open/);
  assert.match(second ?? "", /11:40:00Z\s+token\s+billing\s+broker\s+contoso\s+issued/);
  assert.deepEqual(rest, []);
});

test("names and ids become a query of ids, and times one of milliseconds", async () => {
  const world = createCliWorld();
  const args = ["--caller", "billing", "--tenant", ids.contosoId.toUpperCase(), "--client", "broker", "--since", "2h"];
  await world.run("ledger", ...args, "--outcome", "rejected", "--purpose", "token", "--limit", "7");
  assert.deepEqual(world.ledger.queries, [
    {
      ...{ fromMs: startMs - 120 * minuteMs, toMs: startMs + minuteMs, limit: 7, newestFirst: true },
      ...{ callerObjectId: ids.billingObjectId, tenantId: ids.contosoId, clientId: ids.clientId },
      ...{ purpose: "token", outcome: "rejected" },
    },
  ]);
});

test("one row is found by its id alone", async () => {
  const world = createCliWorld();
  const intent = ago(600_000);
  world.ledger.rows = [entry(intent, issued)];
  const { out } = await world.run("ledger", "--id", intent.id.toUpperCase(), "--json");
  const [row] = JSON.parse(out) as Record<string, string>[];
  assert.equal(row?.id, intent.id);
  assert.equal(row?.expires, "2027-01-15T08:00:00Z");
});

test("ids are looked for also where the policy cannot be read, names are not", async () => {
  const world = createCliWorld();
  world.place.readFailure = new Error("down");
  assert.equal((await world.run("ledger", "--tenant", ids.contosoId)).exit, 0);
  assert.equal((await world.run("ledger", "--tenant", "contoso")).exit, 3);
});

test("every kind of outcome has its row, as JSON lines and as CSV with as many cells as columns", async () => {
  const world = createCliWorld();
  world.ledger.rows = outcomes.map((outcome, i) => entry(ago(i), outcome));
  const lines = (await world.run("ledger", "--jsonl")).out.split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(new Set(lines.map(({ outcome }) => outcome)), new Set(outcomes.map(({ outcome }) => outcome)));
  const [head = "", ...rows] = (await world.run("ledger", "--csv")).out.split("\n");
  assert.equal(rows.length, outcomes.length);
  for (const row of rows) assert.equal(row.replace(/"[^"]*"/g, "").split(",").length, head.split(",").length, row);
});

const formulas = ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "\uFF1D1", "=cmd|' /C calc'!A0", '="a","b"', "%0A=1"];
for (const formula of formulas) {
  test(`a cell that begins as ${JSON.stringify(formula)} is no formula in a spreadsheet`, () => {
    const line = csvLine([formula, "next"]);
    assert.match(line, /^"'/);
    assert.match(line, /",next$/);
    assert.equal(line.split("\n").length, 1);
  });
}

/** As spreadsheets read: quotes count at the beginning of a cell, and what follows the closing one is added. */
function cellsOf(line: string, separator: string): string[] {
  const cells: string[] = [];
  let cell = "";
  let [isStart, isQuoted] = [true, false];
  for (let i = 0; i < line.length; i++) {
    const isQuote = line[i] === '"';
    if (isQuoted && isQuote && line[i + 1] === '"') cell += line[i++];
    else if (isQuoted && isQuote) isQuoted = false;
    else if (isStart && isQuote) isQuoted = true;
    else if (!isQuoted && line[i] === separator) {
      cells.push(cell);
      [cell, isStart] = ["", true];
      continue;
    } else cell += line[i];
    isStart = false;
  }
  cells.push(cell);
  return cells;
}

test("in locales of commas, semicolons and tabs no cell of any text begins a formula, and the columns are kept", async (t) => {
  const text = fc.string({ unit: fc.constantFrom(...";;,\"' \t=+-@|%\uFF1Da\n"), maxLength: 12 });
  const property = fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (texts) => {
    const line = csvLine(["2026-06-01T12:00:00Z", ...texts]);
    assert.equal(cellsOf(line, ",").length, texts.length + 1);
    for (const separator of [",", ";", "\t"]) {
      for (const cell of cellsOf(line, separator)) assert.doesNotMatch(cell, /^[\s]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20|%]/);
    }
  });
  await holds(t, property, 3_000);
});

test("a cell with a line break or a control character stays in its line", () => {
  assert.equal(csvLine(['a"b', "c\r\nd", "e\u001b[31m"]), '"a""b",c??d,e?[31m');
});

test("a row that Keyhold did not write is told on stderr, and cannot steer the terminal; the exit code says so", async () => {
  const world = createCliWorld();
  world.ledger.rows = [unreadable, entry(ago(5), issued)];
  const { exit, out, err } = await world.run("ledger", "--csv");
  assert.equal(exit, 1);
  assert.equal(out.split("\n").length, 2);
  assert.match(err, /not written by Keyhold: 2026\?\[2J r \(time\)/);
});

test("a ledger that does not answer is exit code 3, with what helps", async () => {
  const world = createCliWorld();
  world.ledger.isDown = true;
  const { exit, err } = await world.run("ledger", "--jsonl");
  assert.equal(exit, 3);
  assert.match(err, /^error: The ledger cannot be read \(RestError 503\)/);
});

test("that there may be more rows than were asked for is said on stderr", async () => {
  const world = createCliWorld();
  world.ledger.rows = Array.from({ length: 5 }, (_, i) => entry(ago(i), issued));
  assert.match((await world.run("ledger", "--limit", "3")).err, /3 rows, and there may be more/);
  assert.equal((await world.run("ledger", "--limit", "6")).err, "");
});

test("options that mean nothing are usage errors that say what would", async () => {
  const wrong: [args: string[], expected: RegExp][] = [
    [["--since", "yesterday"], /--since is not a time/],
    [["--since", "2026-13-01"], /--since is not a time/],
    [["--since", "2026-02-30"], /--since is not a time/],
    [["--since", "2025-02-29T12:00:00Z"], /--since is not a time/],
    [["--since", "1d", "--until", "2026-06-31"], /--until is not a time/],
    [["--since", "1h", "--until", "2h"], /later than --since/],
    [["--limit", "0"], /whole number/],
    [["--limit", "1e3"], /whole number/],
    [["--outcome", "stolen"], /Allowed choices/],
    [["--id", "' or 1 eq 1"], /--id is not a GUID/],
    [["--csv", "--jsonl"], /cannot be used with/],
    [["--follow", "--json"], /--jsonl/],
    [["--colour"], /unknown option/],
  ];
  for (const [args, expected] of wrong) {
    const { exit, err } = await createCliWorld().run("ledger", ...args);
    assert.equal(exit, 2, args.join(" "));
    assert.match(err, expected);
  }
});

test("times are ages or ISO 8601, and without a zone they are UTC", () => {
  const parse = (text: string) => parseTime("--since", text, startMs);
  assert.equal(parse("90s"), startMs - 90_000);
  assert.equal(parse("7d"), startMs - 7 * 86_400_000);
  assert.equal(parse("2026-05-01"), Date.UTC(2026, 4, 1));
  assert.equal(parse("2026-05-01T10:00"), Date.UTC(2026, 4, 1, 10));
  assert.equal(parse("2026-05-01T10:00:00+02:00"), Date.UTC(2026, 4, 1, 8));
  assert.equal(parse("2024-02-29"), Date.UTC(2024, 1, 29));
});

test("--follow tells a row once its outcome is known, and one that stays open after a while, and then its outcome", async () => {
  const world = createCliWorld();
  const quick = tokenIntent(startMs - 1_000);
  const slow = tokenIntent(startMs - 2_000);
  world.ledger.rows = [entry(slow), entry(quick)];
  const steps = [
    () => {
      world.ledger.rows = [entry(slow), entry(quick, issued)];
    },
    () => {
      world.nowMs = startMs + 40_000;
    },
    () => {
      world.ledger.rows = [entry(slow, issued), entry(quick, issued)];
    },
    () => {},
  ];
  world.rounds = steps.length;
  world.onPause = () => steps.shift()?.();
  const { out, exit } = await world.run("ledger", "--follow", "--jsonl");
  const seen = out.split("\n").map((line) => JSON.parse(line) as { id: string; outcome: string });
  assert.deepEqual(
    seen.map(({ id, outcome }) => [id, outcome]),
    [
      [quick.id, "issued"],
      [slow.id, "open"],
      [slow.id, "issued"],
    ],
  );
  assert.equal(exit, 0);
});
