import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { barChart, lineChart } from "./measure/chart.ts";
import type { Options } from "./measure/options.ts";
import { type Measurement, runPart } from "./measure/part.ts";
import { ratios, summarise, withSpread } from "./measure/statistics.ts";
import { measureGrants } from "./scale/grants.ts";
import type { CallsReport, MemoryReport, RenewalsReport, ScaleOrder } from "./scale/process.ts";
import { measureRealMemory } from "./scale/real-memory.ts";
import { measureWave } from "./scale/wave.ts";
import { buildKeyhold } from "./stand/app.ts";
import { withStack } from "./stand/world.ts";

/** Measures what thousands of tenants cost: memory, request time, and renewals: `node bench/scale.ts`. */
const libraries = ["Keyhold", "@azure/msal-node", "@azure/identity"] as const;
const maxBytes = 1_000;
const maxGrantRatio = 1.1;
const maxLagMs = 20;
const mintsPerMinute = 1_200;

await runPart("scale", async (options): Promise<Measurement> => {
  const { tenants, memory, policy } = await measureMemory(options);
  const calls = await inProcess<CallsReport>({
    ...{ measure: "calls", most: 10_000 },
    ...(options.quick ? { rounds: 3, calls: 2_000 } : { rounds: 11, calls: 20_000 }),
  });
  const minutes = 150;
  const simulated = options.quick ? 500 : 2_500;
  const renewalsOf = async (lifetimes: "one" | "60 to 90 minutes") => {
    const report = await inProcess<RenewalsReport>({ measure: "renewals", tenants: simulated, minutes, lifetimes });
    return { ...report, perMinute: report.perMinute.map((count) => (count * 10_000) / simulated) };
  };
  const renewals = { "60 to 90 minutes": await renewalsOf("60 to 90 minutes"), one: await renewalsOf("one") };
  const { grants, wave, real } = await withStack(async (stack, folder) => {
    const { root } = await buildKeyhold(folder);
    return {
      real: await measureRealMemory(stack, root, options),
      wave: await measureWave(stack, root, options),
      grants: await measureGrants(stack, root, options),
    };
  });

  const grantRatio = ratios(grants.many, grants.few);
  const perTenant = libraries.map((name) => [name, beyondToken(memory[name], tenants)] as const);
  const least = Math.min(...perTenant.slice(1).map(([, bytes]) => bytes));
  const ours = (perTenant[0]?.[1] ?? 0) + beyondToken(policy, tenants);
  const firstWave = renewals["60 to 90 minutes"].perMinute.slice(2, 100);
  const evenly = 10_000 / 60;
  return {
    title: "Thousands of tenants",
    about:
      `Memory: live heap after garbage collection with ${tenants / 2} and with ${tenants} tenants, in a process of its own for each, the ` +
      `difference for each tenant less the token itself; nothing is sent, answers are made in the process. The real instance: the same ` +
      `difference, of ${real.cached / 2} and ${real.cached} tokens, each once the telemetry of the mints is sent and their deadlines are over; ` +
      `besides its cache it holds what V8 compiles meanwhile and tables of Node that grow with requests. Grants: two instances in turns, ` +
      `over HTTP. Wave: a real instance, whose clock is set ahead so that ${wave.cached} cached tokens are due for renewal while ` +
      `${wave.perSecond} requests a second keep coming in; the delay of its event loop is measured inside the process.`,
    targets: [
      {
        what: "memory for each tenant beyond the token, cache and policy",
        target: `<= ${kb(maxBytes)}`,
        measured: `${kb(ours)} (libraries: ${kb(least)} at best)`,
        met: ours <= maxBytes,
      },
      // With few tenants the result means nothing: code that V8 compiles meanwhile uses more memory.
      ...(options.quick
        ? []
        : [
            {
              what: "the same in a real instance",
              target: `<= ${kb(maxBytes)}`,
              measured: kb(real.bytesPerTenant),
              met: real.bytesPerTenant <= maxBytes,
            },
          ]),
      {
        what: "time of a request with 10,000 grants against 10",
        target: `<= ${maxGrantRatio} x`,
        measured: withSpread(grantRatio),
        met: grantRatio.median <= maxGrantRatio,
      },
      {
        what: "event loop late during a wave of renewals, p99",
        target: `< ${maxLagMs} ms`,
        measured: `${wave.during.p99.toFixed(1)} ms (worst ${wave.during.max.toFixed(0)}; before the wave p99 ${wave.before.p99.toFixed(1)})`,
        met: wave.during.p99 < maxLagMs,
      },
      {
        what: `event loop held by a new policy of ${wave.policyTenants} tenants`,
        target: `<= ${maxLagMs} ms`,
        measured: `${wave.policyBlocksMs.toFixed(0)} ms`,
        met: wave.policyBlocksMs <= maxLagMs,
      },
      {
        what: "requests that had to wait for a renewal, or failed",
        target: "0",
        measured: `${wave.waited} of ${wave.requests}, ${wave.failed} failed`,
        met: wave.waited === 0 && wave.failed === 0,
      },
      {
        what: "busiest minute of renewals of 10,000 tenants",
        target: `<= ${mintsPerMinute}, the default of KEYHOLD_MINTS_PER_MINUTE`,
        measured: `${Math.max(...firstWave)}`,
        met: Math.max(...firstWave) <= mintsPerMinute,
      },
    ],
    tables: [
      {
        title: "Memory for each tenant beyond the token",
        head: ["what", "bytes"],
        rows: [
          ...perTenant.map(([name, bytes]) => [name, bytes.toFixed(0)]),
          ["Keyhold's policy: its entry of the tenant", beyondToken(policy, tenants).toFixed(0)],
          [
            `Keyhold, a real instance with ${real.cached} cached tokens against half as many`,
            real.bytesPerTenant.toFixed(0),
          ],
        ],
      },
      {
        title: "One cached token in the domain alone, microseconds",
        head: ["with", "a call", "against ten of everything"],
        rows: Object.entries(calls).map(([name, samples]) => [
          name,
          withSpread(summarise(samples)),
          withSpread(ratios(samples, calls["ten of everything"] ?? [])),
        ]),
        below:
          "Without verifying a caller and without HTTP. What is more with many is the processor's cache, not the number of steps.",
      },
      {
        title: "A wave of renewals in a real instance",
        head: ["", "event loop late p50 / p99 / worst, ms", "answers p50 / p99, ms", "signatures"],
        rows: [
          ["before", lag(wave.before), latency(wave.latencyBefore), "0"],
          ["during", lag(wave.during), latency(wave.latencyDuring), `${wave.renewed}`],
        ],
      },
      {
        title: "Renewals of 10,000 tenants that were all filled within two minutes, simulated",
        head: [
          "lifetimes that Entra gives",
          "busiest minute of the first wave",
          "of the last hour",
          "requests that waited",
        ],
        rows: Object.entries(renewals).map(([name, { perMinute, waited }]) => [
          name === "one" ? "60 minutes for all" : name,
          `${Math.max(...perMinute.slice(2, 100))}`,
          `${Math.max(...perMinute.slice(-60))}`,
          `${waited}`,
        ]),
        below: `Simulated with ${simulated} tenants, and multiplied. Spread evenly over an hour it would be ${evenly.toFixed(0)} a minute. Renewal begins at 75 to 85 % of the lifetime.`,
      },
    ],
    charts: {
      memory: barChart(
        "Memory for each tenant beyond the token",
        "bytes",
        perTenant.map(([label, value]) => ({ label, value })),
      ),
      renewals: lineChart(
        "Renewals a minute, 10,000 tenants filled at once (simulated)",
        { x: "minutes", y: "signatures a minute" },
        Object.entries(renewals).map(([name, { perMinute }]) => {
          const points = perMinute.map((count, minute) => [minute, minute < 2 ? 0 : count] as const);
          return { name: name === "one" ? "all live 60 minutes" : "60 to 90 minutes", points };
        }),
      ),
    },
    samples: { memory, policy, calls, renewals, grants, real, wave },
  };
});

async function measureMemory({ quick }: Options) {
  const tenants = quick ? 1_000 : 10_000;
  const memory = {} as Record<(typeof libraries)[number], MemoryReport>;
  for (const of of libraries) memory[of] = await inProcess<MemoryReport>({ measure: "memory", of, tenants });
  const policy = await inProcess<MemoryReport>({ measure: "policy memory", tenants });
  return { tenants, memory, policy };
}

/** The growth from half of the tenants to all, which excludes what exists from the start. */
function beyondToken({ heapBytes: [, half = 0, all = 0], tokenBytes }: MemoryReport, tenants: number): number {
  return (all - half) / (tenants / 2) - tokenBytes;
}

async function inProcess<T>(order: ScaleOrder): Promise<T> {
  const file = fileURLToPath(new URL("scale/process.ts", import.meta.url));
  const child = fork(file, [JSON.stringify(order)], { execArgv: ["--expose-gc"] });
  const died = once(child, "exit").then(([code]) => {
    throw new Error(`the measurement of ${order.measure} ended with ${code}`);
  });
  died.catch(() => undefined);
  const [report] = (await Promise.race([once(child, "message"), died])) as [T];
  return report;
}

function kb(bytes: number): string {
  return `${(bytes / 1_000).toFixed(1)} kB`;
}

function lag({ p50, p99, max }: { p50: number; p99: number; max: number }): string {
  return `${p50.toFixed(1)} / ${p99.toFixed(1)} / ${max.toFixed(0)}`;
}

function latency(milliseconds: readonly number[]): string {
  const { median, p99 } = summarise(milliseconds);
  return `${median.toFixed(1)} / ${p99.toFixed(1)}`;
}
