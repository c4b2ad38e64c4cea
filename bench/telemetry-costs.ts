import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Stack } from "../local/stack/stack.ts";
import { alternate } from "./measure/alternate.ts";
import { type Measurement, runPart } from "./measure/part.ts";
import { ratios, summarise, withSpread } from "./measure/statistics.ts";
import { buildKeyhold } from "./stand/app.ts";
import { type MeasuredInstance, startMeasured, startPlain } from "./stand/instance.ts";
import { type Load, load } from "./stand/load.ts";
import { addTenants, askToken, tokenForm, withStack } from "./stand/world.ts";
import { buildLoad, loadSdk, type SdkLoad } from "./telemetry-costs/load-sdk.ts";

/**
 * Measures what telemetry costs an instance: `node bench/telemetry-costs.ts`. BENCH_BEFORE names another checkout of
 * Keyhold that was built; it is measured in the same rounds.
 */
const repository = fileURLToPath(new URL("..", import.meta.url));
const before = process.env.BENCH_BEFORE;
if (before !== undefined && !existsSync(join(before, "dist/index.js")))
  throw new Error(`${before} has no dist/index.js`);

interface Subject {
  root: string;
  settings: Record<string, string>;
}

/** Measured on a new instance that gets requests from its first moment on, while the SDK is loaded. */
interface Loading {
  blockMs: number;
  p99: number;
  residentMb: number;
}

await runPart("telemetry-costs", async ({ quick }): Promise<Measurement> => {
  const rounds = quick ? 2 : 7;
  return withStack(async (stack, folder) => {
    const { tenantIds } = await addTenants(stack, 1);
    const [tenantId = ""] = tenantIds;
    const callerToken = await stack.callerToken("billing");
    const { root } = await buildKeyhold(folder);
    const subjects: Record<string, Subject> = {
      "no telemetry": { root, settings: { APPLICATIONINSIGHTS_CONNECTION_STRING: "" } },
      ...(before !== undefined && { before: { root: before, settings: {} } }),
      now: { root, settings: {} },
    };
    const each = <Sample>(measure: (subject: Subject, name: string) => Promise<Sample>) =>
      Object.fromEntries(Object.entries(subjects).map(([name, subject]) => [name, () => measure(subject, name)]));
    const tokenLoad = ({ httpUrl }: { httpUrl: string }, seconds: number, connections: number): Load => ({
      url: `${httpUrl}/${tenantId}/oauth2/v2.0/token`,
      ...{ method: "POST", connections, seconds, body: `${tokenForm()}` },
      headers: { authorization: `Bearer ${callerToken}`, "content-type": "application/x-www-form-urlencoded" },
    });

    const starts = await alternate<string, number>(
      rounds,
      each((subject) => firstAnswer(stack, subject)),
    );
    const loadings = await alternate<string, Loading>(
      rounds,
      each(async ({ root: from, settings }) => {
        const instance = await startMeasured(stack, from, { settings });
        await askToken(instance.httpUrl, tenantId, callerToken);
        await instance.agent.resetLag();
        const { p99 } = await load(tokenLoad(instance, 5, 4));
        const { max } = await instance.agent.lag();
        const { rss } = await instance.agent.memoryAtRest();
        await instance.stop();
        return { blockMs: max, p99, residentMb: rss / 2 ** 20 };
      }),
    );
    const files = {
      ...(before !== undefined && { before: await buildLoad(folder, "before", before) }),
      now: await buildLoad(folder, "now", repository),
    };
    const loads = await alternate<string, SdkLoad>(
      rounds,
      Object.fromEntries(Object.entries(files).map(([name, file]) => [name, () => loadSdk(file)])),
    );
    const checkouts = { ...(before !== undefined && { before }), now: repository };
    const recorded = await alternate<string, number>(
      rounds,
      Object.fromEntries(Object.entries(checkouts).map(([name, checkout]) => [name, () => recordAnswers(checkout)])),
    );
    const instances: Record<string, MeasuredInstance> = {};
    for (const [name, { root: from, settings }] of Object.entries(subjects)) {
      instances[name] = await startMeasured(stack, from, { settings });
      await askToken(instances[name].httpUrl, tenantId, callerToken);
      await load(tokenLoad(instances[name], quick ? 1 : 12, 16));
    }
    const cached = await alternate<string, number>(
      rounds,
      each(async (_, name) => {
        const instance = instances[name] as MeasuredInstance;
        const from = await instance.agent.cpu();
        const seconds = quick ? 1 : 3;
        const { requestsPerSecond } = await load(tokenLoad(instance, seconds, 16));
        const to = await instance.agent.cpu();
        return (to.user + to.system - from.user - from.system) / (requestsPerSecond * seconds);
      }),
    );
    for (const instance of Object.values(instances)) await instance.stop();

    const base = before === undefined ? "no telemetry" : "before";
    const of = <Sample>(samples: Record<string, Sample[]>, name: string) => samples[name] ?? [];
    const start = ratios(of(starts, "now"), of(starts, base));
    const microseconds = summarise(of(cached, base)).median;
    const answer = summarise(
      of(recorded, "now").map((own, i) => 1 + (own - (of(recorded, base)[i] ?? 0)) / microseconds),
    );
    const block = summarise(of(loads, "now").map(({ threadMs }) => threadMs));
    const more = summarise(
      of(loadings, "now").map(({ residentMb }, i) => residentMb - (of(loadings, base)[i]?.residentMb ?? 0)),
    );
    return {
      title: "What telemetry costs",
      about:
        `${rounds} rounds in turns, on two busy cores. A start is from the parent's fork to the first answer over HTTP. Loading is ` +
        `measured on new instances that answer cached tokens meanwhile. Processor time of a cached answer is that of the whole ` +
        `process, the local functions host included; other work on the machine moves it by more than telemetry is, so what telemetry does for ` +
        `one is measured by itself, as time of the thread.${before === undefined ? "" : ' "before" is the exporter with queues of our own.'}`,
      targets: [
        {
          what: `start to first answer, against ${base}`,
          target: "<= 1.05 x",
          measured: withSpread(start),
          met: start.median <= 1.05,
        },
        {
          what: `processor time of a cached answer, against ${base}`,
          target: "<= 1.02 x",
          measured: withSpread(answer),
          met: answer.median <= 1.02,
        },
        {
          what: "thread time of loading and starting the SDK, which is its block of the event loop, ms",
          target: "<= 180",
          measured: withSpread(block, 0),
          met: block.median <= 180,
        },
        {
          what: `resident memory beyond ${base}, MB`,
          target: "<= 25",
          measured: withSpread(more, 0),
          met: more.median <= 25,
        },
      ],
      tables: [
        {
          head: [
            "",
            "first answer, ms",
            "cached answer, µs of processor",
            "of it by telemetry, µs",
            "loading the SDK, ms of the thread",
            "longest block in the first 5 s, ms",
            "p99 meanwhile, ms",
            "resident, MB",
          ],
          rows: Object.keys(subjects).map((name) => [
            name,
            withSpread(summarise(of(starts, name)), 0),
            withSpread(summarise(of(cached, name)), 0),
            name in checkouts ? withSpread(summarise(of(recorded, name)), 2) : "",
            name in files ? withSpread(summarise(of(loads, name).map(({ threadMs }) => threadMs)), 0) : "",
            withSpread(summarise(of(loadings, name).map(({ blockMs }) => blockMs)), 0),
            withSpread(summarise(of(loadings, name).map(({ p99 }) => p99)), 0),
            withSpread(summarise(of(loadings, name).map(({ residentMb }) => residentMb)), 0),
          ]),
        },
      ],
      samples: { starts, loadings, loads, recorded, cached },
    };
  });
});

async function firstAnswer(stack: Stack, { root, settings }: Subject): Promise<number> {
  const startedMs = performance.now();
  const instance = await startPlain(stack, root, { settings });
  const { status } = await fetch(`${instance.httpUrl}/health/live`);
  const tookMs = performance.now() - startedMs;
  await instance.kill();
  if (status !== 200) throw new Error(`the first answer is ${status}`);
  return tookMs;
}

/** Microseconds of thread time that telemetry uses for one cached answer, in a separate process. */
function recordAnswers(checkout: string): number {
  const file = join(checkout, "src/adapters/telemetry/telemetry.ts");
  const runner = fileURLToPath(new URL("telemetry-costs/record-answers.ts", import.meta.url));
  return Number(
    execFileSync(process.execPath, [runner, file], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
  );
}
