import { lineChart } from "./measure/chart.ts";
import { type Measurement, runPart } from "./measure/part.ts";
import { slope, summarise } from "./measure/statistics.ts";
import { longSoak, shortSoak } from "./soak/paces.ts";
import { runSoak } from "./soak/soak.ts";
import { buildKeyhold } from "./stand/app.ts";
import { withStack } from "./stand/world.ts";

/**
 * Constant load for half an hour, with faults, changes of the policy and key rollovers from a seed. Every answer is
 * checked: `node bench/soak.ts [--minutes 30] [--seed n]`. test/e2e/soak.test.ts is its short form.
 */
const warmUpPart = 0.3;
/** Megabytes of live heap an hour. A leak of one small object per request would grow far faster. */
const maxGrowthMbPerHour = 6;

await runPart("soak", async ({ quick, seed, minutes: asked }): Promise<Measurement> => {
  const options = quick ? shortSoak(seed) : longSoak(seed, asked);
  const minutes = Math.round(options.pace.totalMs / 6_000) / 10;
  const { traffic, faults, changes, applyMs, memory, ledger, alarms, output } = await withStack(async (stack, folder) =>
    runSoak(stack, (await buildKeyhold(folder)).root, options),
  );
  const settled = memory.slice(Math.floor(warmUpPart * memory.length));
  const hours = 3_600_000;
  const heapGrowth = slope(settled.map(({ atMs, heapMb }) => [atMs / hours, heapMb]));
  const rssGrowth = slope(settled.map(({ atMs, rssMb }) => [atMs / hours, rssMb]));
  const unexpected = output.split('"code":"unexpected"').length - 1;
  const isLong = minutes >= 10;
  const kinds = [...new Set(faults.map(({ kind }) => kind))].sort();
  const minute = (ms: number) => ms / 60_000;
  return {
    title: `${minutes} minutes under faults`,
    about:
      `Seed ${seed}, ${options.perSecond} requests a second whatever comes back (at worst ${Math.round(traffic.behindMs)} ms late), ` +
      `${options.warmTenants} tenants again and again and new ones all the time. ${faults.length} faults one after the other, and ` +
      `changes beside them. Right is: the token names the asked tenant, application and resource; 403 only where the policy says so; 503 ` +
      `only within a fault and for as long as a failed mint is remembered (5 s), and only where no valid token is cached; 502 only ` +
      `around a change of Entra's clock.`,
    targets: [
      {
        what: "wrong answers",
        target: "0",
        measured: `${traffic.wrong.length} of ${traffic.requests}`,
        met: traffic.wrong.length === 0,
      },
      {
        what: "signatures without a row",
        target: "0",
        measured: `${ledger.unaccounted.length} of ${ledger.signatures}`,
        met: ledger.unaccounted.length === 0,
      },
      {
        what: "rows that claim a signature which was not made, and rows left open",
        target: "0 and 0",
        measured: `${ledger.invented.length} and ${ledger.open} of ${ledger.rows}`,
        met: ledger.invented.length === 0 && ledger.open === 0,
      },
      {
        what: "findings of Keyhold's own audit, but for open intents, which cut connections really leave",
        target: "none",
        measured: alarms.join(", ") || "none",
        met: alarms.every((finding) => finding === "open_intents"),
      },
      { what: "unexpected errors in the log", target: "0", measured: `${unexpected}`, met: unexpected === 0 },
      // A shorter run is warm-up only.
      ...(isLong
        ? [
            {
              what: "growth of live heap after the warm-up",
              target: `<= ${maxGrowthMbPerHour} MB an hour`,
              measured: `${heapGrowth.toFixed(1)} MB an hour (resident: ${rssGrowth.toFixed(1)})`,
              met: heapGrowth <= maxGrowthMbPerHour,
            },
          ]
        : []),
    ],
    tables: [
      { title: "Answers", head: ["asked: answered", "number"], rows: sorted(traffic.answers) },
      {
        title: "Faults and changes during the run",
        head: ["", "number"],
        rows: [
          ...kinds.map((kind) => [kind, `${faults.filter((fault) => fault.kind === kind).length}`]),
          ...Object.entries(changes).map(([kind, count]) => [kind, `${count}`]),
          ["a policy until it is in force, median and worst, s", `${inSeconds(applyMs)}`],
        ],
      },
      {
        title: "The ledger's outcomes",
        head: ["outcome", "rows"],
        rows: sorted(ledger.outcomes),
        below: `${ledger.maybeSigned} rows stand for requests whose answer was cut off: the vault may have signed, and the row says so.`,
      },
      ...(traffic.wrong.length === 0
        ? []
        : [
            {
              title: "Wrong answers",
              head: ["at, s", "what"],
              rows: traffic.wrong.slice(0, 20).map(({ atMs, what }) => [(atMs / 1000).toFixed(1), what]),
            },
          ]),
    ],
    charts: {
      memory: lineChart(
        "Memory of the instance",
        { x: "minutes", y: "MB" },
        [
          { name: "live heap", points: memory.map(({ atMs, heapMb }) => [minute(atMs), heapMb]) },
          { name: "resident", points: memory.map(({ atMs, rssMb }) => [minute(atMs), rssMb]) },
        ],
        faults.map(({ fromMs, toMs }) => [minute(fromMs), minute(toMs)]),
      ),
      latency: lineChart(
        "The slowest answer of each second; faults are shaded",
        { x: "minutes", y: "ms" },
        [
          {
            name: "slowest answer",
            points: traffic.worst.toSorted(([a], [b]) => a - b).map(([second, ms]) => [second / 60, ms]),
          },
        ],
        faults.map(({ fromMs, toMs }) => [minute(fromMs), minute(toMs)]),
      ),
    },
    samples: { faults, changes, applyMs, memory, ledger, traffic: { ...traffic, wrong: traffic.wrong.slice(0, 200) } },
  };
});

function sorted(counts: Record<string, number>): string[][] {
  return Object.entries(counts)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => [name, `${count}`]);
}

function inSeconds(milliseconds: readonly number[]): string {
  const { median, max } = summarise(milliseconds);
  return `${(median / 1_000).toFixed(1)} and ${(max / 1_000).toFixed(1)}`;
}
