import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { alternate } from "./measure/alternate.ts";
import { type Measurement, runPart } from "./measure/part.ts";
import { ratios, summarise, withSpread } from "./measure/statistics.ts";
import { buildKeyhold } from "./stand/app.ts";
import { startMeasured } from "./stand/instance.ts";
import { type LoadResult, load } from "./stand/load.ts";
import { addTenants, askToken, tokenForm, withStack } from "./stand/world.ts";

/**
 * What callers of cached tokens notice while somebody without any token sends 500 requests a second, each with a key id
 * of its own invention: `node bench/made-up-keys.ts`.
 */
const perSecond = 500;
const connections = 16;
const callersPerSecond = 400;
/** Milliseconds between two look-ups. */
const intervalMs = 300_000;
const flood = fileURLToPath(new URL("made-up-keys/flood.ts", import.meta.url));

interface Sample extends LoadResult {
  /** How the made-up requests were answered, by status. */
  answers: Record<string, number>;
}

await runPart("made-up-keys", async ({ quick }): Promise<Measurement> => {
  const rounds = quick ? 1 : 7;
  const seconds = quick ? 1 : 5;
  const warmUpSeconds = quick ? 1 : 20;
  return withStack(async (stack, folder) => {
    const [tenantId = ""] = (await addTenants(stack, 1)).tenantIds;
    const instance = await startMeasured(stack, (await buildKeyhold(folder)).root);
    const callerToken = await stack.callerToken("billing");
    const { status } = await askToken(instance.httpUrl, tenantId, callerToken);
    if (status !== 200) throw new Error(`the token to be cached was answered with ${status}`);
    const url = `${instance.httpUrl}/${tenantId}/oauth2/v2.0/token`;
    const headers = { authorization: `Bearer ${callerToken}`, "content-type": "application/x-www-form-urlencoded" };
    const body = `${tokenForm()}`;
    const callers = (limits: { seconds: number; perSecond?: number }) =>
      load({ url, method: "POST", headers, body, connections, ...limits });
    const during = async (alongside: () => Promise<Record<string, number>>): Promise<Sample> => {
      const [result, answers] = await Promise.all([callers({ seconds, perSecond: callersPerSecond }), alongside()]);
      return { ...result, answers };
    };
    const flooded = async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [flood, url, `${perSecond}`, `${seconds}`, body]);
      return JSON.parse(stdout) as Record<string, number>;
    };
    await callers({ seconds: warmUpSeconds });
    const samples = await alternate<string, Sample>(rounds, {
      "without them": () => during(async () => ({})),
      "with them": () => during(flooded),
      // Five minutes later, so that keys are looked up again and requests wait for that.
      "with them, while the identity provider hangs": async (round) => {
        await instance.agent.setClockAhead((round + 1) * intervalMs);
        stack.entra.behaviour = { latencyMs: 2_000 * seconds, faults: [] };
        const sample = await during(flooded);
        stack.entra.behaviour = { latencyMs: 0, faults: [] };
        return sample;
      },
    });
    await instance.stop();
    const alone = (samples["without them"] ?? []).map(({ p99 }) => p99);
    const named = Object.entries(samples).map(([name, all]) => ({
      name,
      all,
      tail: ratios(
        all.map(({ p99 }) => p99),
        alone,
      ),
    }));
    const failed = named.flatMap(({ all }) => all).reduce((sum, one) => sum + one.failed, 0);
    return {
      title: "Requests with made-up keys beside cached tokens",
      about:
        `${callersPerSecond} requests a second for a cached token over ${connections} connections, and ${perSecond} requests a second ` +
        `with tokens of keys that nobody knows, each with another key id, from a process of its own. ${rounds} rounds of ` +
        `${seconds} s in turns, after ${warmUpSeconds} s of load; ratios round by round.`,
      targets: [
        ...named.slice(1).map(({ name, tail }) => ({
          what: `p99 of cached tokens ${name}, against without`,
          target: "<= 1.5 x",
          measured: withSpread(tail),
          met: tail.median <= 1.5,
        })),
        {
          what: "cached tokens that were not answered with 200",
          target: "0",
          measured: `${failed}`,
          met: failed === 0,
        },
      ],
      tables: [
        {
          head: ["made-up requests", "p50, ms", "p99, ms", "p99 against without", "their answers, by status"],
          rows: named.map(({ name, all, tail }) => [
            name,
            withSpread(summarise(all.map(({ p50 }) => p50)), 1),
            withSpread(summarise(all.map(({ p99 }) => p99)), 1),
            withSpread(tail),
            answersOf(all),
          ]),
          below: "503 was not looked up, 401 was looked up and is unknown.",
        },
      ],
      samples,
    };
  });
});

function answersOf(samples: readonly Sample[]): string {
  const totals = new Map<string, number>();
  for (const [status, count] of samples.flatMap(({ answers }) => Object.entries(answers))) {
    totals.set(status, (totals.get(status) ?? 0) + count);
  }
  return [...totals].map(([status, count]) => `${status}: ${count}`).join(", ") || "none";
}
