/** The numbers of docs/operate/cost.md and of the telemetry table in deploy.md add up, and leave no timer out. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
const numberOf = (cell = "") => Number(cell.replaceAll(/[*,\s]/g, ""));

test("the columns of the cost table add up to its sums", () => {
  const rows = [
    ...read("docs/operate/cost.md").matchAll(/^\| (.+?) \|.*\| ([\d,* ]+) \| ([\d,* ]+) \| ([\d,* ]+) \|$/gm),
  ];
  const costs = rows.map(([, what = "", ...cells]) => ({ what, cells: cells.map(numberOf) }));
  const sums = costs.pop();
  assert.equal(sums?.what, "**sum**");
  assert.ok(costs.length >= 11);
  const added = [0, 1, 2].map((size) => costs.reduce((sum, { cells }) => sum + (cells[size] ?? Number.NaN), 0));
  assert.deepEqual(sums?.cells, added);
});

/** Runs a day of a schedule with steps or fixed values only: `0 0 * * * *`. */
function runsADay(schedule: string): number {
  const [seconds = "", minutes = "", hours = "", ...days] = schedule.split(" ");
  assert.deepEqual(days, ["*", "*", "*"], schedule);
  const times = (field: string, range: number) => {
    const [, step] = /^\*(?:\/(\d+))?$/.exec(field) ?? [];
    return field.startsWith("*") ? range / Number(step ?? 1) : field.split(",").length;
  };
  return times(seconds, 60) * times(minutes, 60) * times(hours, 24);
}

test("the telemetry of each timer is in the table, for as many runs as its schedule has in a day", () => {
  const timers = [...read("src/functions.ts").matchAll(/host\.timer\("(\w+)", \{\s*schedule: "([^"]+)"/g)];
  const rows = [
    ...read("docs/operate/deploy.md").matchAll(/^\| a day of `(\w+)` \((\d+) runs\).* \| (\d+) \| \d+ \|$/gm),
  ];
  const documented = Object.fromEntries(rows.map(([, name = "", runs]) => [name, Number(runs)]));
  const scheduled = Object.fromEntries(timers.map(([, name = "", schedule = ""]) => [name, runsADay(schedule)]));
  assert.ok(timers.length >= 4);
  assert.deepEqual(documented, scheduled);
  const total = Object.values(scheduled).reduce((sum, runs) => sum + runs, 0);
  assert.match(read("docs/operate/deploy.md"), new RegExp(`their ${total.toLocaleString("en-US")} runs`));
});
