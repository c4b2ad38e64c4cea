import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { SteadyLoad, SteadyResult } from "./made-up-keys/steady-load.ts";
import { alternate } from "./measure/alternate.ts";
import { type Measurement, runPart } from "./measure/part.ts";
import { ratios, summarise, withSpread } from "./measure/statistics.ts";
import { buildKeyholdWithHello } from "./stand/app.ts";
import { startMeasured } from "./stand/instance.ts";
import { load } from "./stand/load.ts";
import { sameBytesPath } from "./stand/same-bytes.ts";
import { addTenants, askToken, tokenForm, withStack } from "./stand/world.ts";

/**
 * Measures what callers of cached tokens notice while a client without a token sends 500 requests a second, each with a
 * different made-up key id: `node bench/made-up-keys.ts`. The cost of a function that does nothing, at the same rate
 * and in the same process, is the share of the host and the machine.
 */
const perSecond = 500;
const callersPerSecond = 400;
/** Milliseconds between two key look-ups. */
const intervalMs = 300_000;
const loadScript = fileURLToPath(new URL("made-up-keys/steady-load.ts", import.meta.url));

const [alone, besideHello, besideMadeUp, besideMadeUpAndOutage] = [
  "nothing",
  "500 requests a second that a function answers which does nothing",
  "500 requests a second with made-up keys",
  "the same, while the identity provider hangs",
] as const;

interface Sample {
  callers: SteadyResult;
  others: SteadyResult | undefined;
  /** Microseconds of the instance's processor time in the round. */
  cpu: number;
}

await runPart("made-up-keys", async ({ quick }): Promise<Measurement> => {
  const rounds = quick ? 2 : 7;
  const seconds = quick ? 2 : 5;
  const warmUpSeconds = quick ? 3 : 20;
  return withStack(async (stack, folder) => {
    const [tenantId = ""] = (await addTenants(stack, 1)).tenantIds;
    const instance = await startMeasured(stack, await buildKeyholdWithHello(folder));
    const callerToken = await stack.callerToken("billing");
    const { status } = await askToken(instance.httpUrl, tenantId, callerToken);
    if (status !== 200) throw new Error(`the token to be cached was answered with ${status}`);
    const url = `${instance.httpUrl}/${tenantId}/oauth2/v2.0/token`;
    const body = `${tokenForm()}`;
    const callers: SteadyLoad = { url, body, callerToken, perSecond: callersPerSecond, seconds };
    const madeUp: SteadyLoad = { url, body, perSecond, seconds };
    const hello: SteadyLoad = { ...madeUp, url: `${instance.httpUrl}${sameBytesPath}` };
    const during = async (beside?: SteadyLoad): Promise<Sample> => {
      const before = await instance.agent.cpu();
      const [result, others] = await Promise.all([run(callers), beside && run(beside)]);
      const after = await instance.agent.cpu();
      return { callers: result, others, cpu: after.user + after.system - before.user - before.system };
    };
    const headers = { authorization: `Bearer ${callerToken}`, "content-type": "application/x-www-form-urlencoded" };
    await load({ url, method: "POST", headers, body, connections: 16, seconds: warmUpSeconds });
    for (const each of [hello, madeUp]) await run({ ...each, seconds: warmUpSeconds });
    const samples = await alternate<string, Sample>(rounds, {
      [alone]: () => during(),
      [besideHello]: () => during(hello),
      [besideMadeUp]: () => during(madeUp),
      // Five minutes later, so that keys are looked up again and requests wait for it.
      [besideMadeUpAndOutage]: async (round) => {
        await instance.agent.setClockAhead((round + 1) * intervalMs);
        stack.entra.behaviour = { latencyMs: 2_000 * (1 + seconds), faults: [] };
        const sample = await during(madeUp);
        stack.entra.behaviour = { latencyMs: 0, faults: [] };
        return sample;
      },
    });
    await instance.stop();
    const named = Object.entries(samples).map(([name, all]) => ({
      name,
      all,
      tails: all.map((one) => one.callers.p99),
    }));
    const tailsOf = (wanted: string) => named.find(({ name }) => name === wanted)?.tails ?? [];
    const against = (name: string, floor: string) => ratios(tailsOf(name), tailsOf(floor));
    const cpuAlone = (samples[alone] ?? []).map(({ cpu }) => cpu);
    const eachCost = (all: readonly Sample[]) =>
      summarise(all.map(({ cpu }, i) => (cpu - (cpuAlone[i] ?? Number.NaN)) / (perSecond * (1 + seconds))));
    const answered = answersOf(named.flatMap(({ all }) => all.map(({ callers: { statuses } }) => statuses)));
    return {
      title: "Requests with made-up keys beside cached tokens",
      about:
        `${callersPerSecond} requests a second for a cached token, and beside them, from another process, ${perSecond} a second ` +
        `with tokens of keys that nobody knows, each with another key id. Both are spread evenly and wait for nothing; latencies count ` +
        `from the moment at which a request was due. ${rounds} rounds of ${seconds} s in turns, after ${warmUpSeconds} s ` +
        "of load of each kind; ratios round by round.",
      targets: [
        ...[besideMadeUp, besideMadeUpAndOutage].map((name) => {
          const tail = against(name, alone);
          return {
            what: `p99 of cached tokens beside ${name}, against beside nothing`,
            target: "<= 1.5 x",
            measured: withSpread(tail),
            met: tail.median <= 1.5,
          };
        }),
        {
          what: "answers to the callers of cached tokens, by status",
          target: "200 alone",
          measured: answered,
          met: /^200: \d+$/.test(answered),
        },
      ],
      tables: [
        {
          head: [
            "beside",
            "p50 of cached tokens, ms",
            "p99, ms",
            "p99 against nothing",
            "p99 against the function that does nothing",
            "microseconds of the instance for one of them",
            "their answers, by status",
          ],
          rows: named.map(({ name, all, tails }) => [
            name,
            withSpread(summarise(all.map(({ callers: { p50 } }) => p50)), 1),
            withSpread(summarise(tails), 1),
            withSpread(against(name, alone)),
            withSpread(against(name, besideHello)),
            name === alone ? "" : withSpread(eachCost(all), 0),
            answersOf(all.map(({ others }) => others?.statuses ?? {})),
          ]),
          below: "503 was not looked up, 401 was looked up and is unknown.",
        },
      ],
      samples,
    };
  });
});

async function run(order: SteadyLoad): Promise<SteadyResult> {
  const { stdout } = await promisify(execFile)(process.execPath, [loadScript, JSON.stringify(order)]);
  return JSON.parse(stdout) as SteadyResult;
}

function answersOf(all: readonly Record<string, number>[]): string {
  const totals = new Map<string, number>();
  for (const [status, count] of all.flatMap((statuses) => Object.entries(statuses))) {
    totals.set(status, (totals.get(status) ?? 0) + count);
  }
  return [...totals].map(([status, count]) => `${status}: ${count}`).join(", ");
}
