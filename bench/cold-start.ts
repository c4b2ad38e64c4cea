import { buildModules, loadOnce } from "./cold-start/module-load.ts";
import { needless } from "./cold-start/needless.ts";
import { buildWirings } from "./cold-start/wirings.ts";
import { alternate } from "./measure/alternate.ts";
import { barChart } from "./measure/chart.ts";
import { type Measurement, runPart } from "./measure/part.ts";
import { ratios, summarise, withSpread } from "./measure/statistics.ts";
import { buildHello, buildKeyhold, buildUnbundled } from "./stand/app.ts";
import { startPlain } from "./stand/instance.ts";
import { addTenants, askToken, withStack } from "./stand/world.ts";

/**
 * Measures what a cold start costs and what causes it: `node bench/cold-start.ts`. The ratios carry over to another
 * machine. Azure's own part of a cold start, before the process begins, is not included.
 */
await runPart("cold-start", async ({ quick }): Promise<Measurement> => {
  const rounds = quick ? 2 : 11;
  return withStack(async (stack, folder) => {
    const { tenantIds } = await addTenants(stack, 1);
    const { root, metafile } = await buildKeyhold(folder);
    const hello = await buildHello(folder);
    const unbundled = await buildUnbundled(folder);
    const modules = await buildModules(folder, metafile);
    const wirings = await buildWirings(folder);
    const callerToken = await stack.callerToken("billing");
    const start = async (app: string, ask: (url: string) => Promise<number>) => {
      const startedMs = performance.now();
      const instance = await startPlain(stack, app);
      const status = await ask(instance.httpUrl);
      const tookMs = performance.now() - startedMs;
      await instance.kill();
      if (status !== 200) throw new Error(`the first answer is ${status}`);
      return tookMs;
    };
    const get = (path: string) => async (url: string) => (await fetch(`${url}/${path}`)).status;
    const firstToken = async (url: string) => (await askToken(url, tenantIds[0] ?? "", callerToken)).status;
    const answers = await alternate(rounds, {
      hello: () => start(hello, get("hello")),
      "Keyhold, first answer": () => start(root, get("health/live")),
      "Keyhold, first token": () => start(root, firstToken),
      "Keyhold unbundled, first answer": () => start(unbundled, get("health/live")),
    });
    const loads = await alternate(rounds, {
      "modules, one bundle": () => loadOnce(modules.bundled),
      "modules from node_modules": () => loadOnce(modules.unbundled),
      ...Object.fromEntries(Object.entries(wirings).map(([name, file]) => [name, () => loadOnce(file)])),
    });
    const notNeeded = await needless(stack, unbundled, firstToken);

    const toHello = ratios(answers["Keyhold, first answer"], answers.hello);
    const load = (name: string) => (loads as Record<string, { loadMs: number; rssMb: number }[]>)[name] ?? [];
    const milliseconds = (name: string) => load(name).map(({ loadMs }) => loadMs);
    const toUnbundled = ratios(milliseconds("modules, one bundle"), milliseconds("modules from node_modules"));
    const base = milliseconds("clients, no telemetry");
    return {
      title: "Cold start",
      about:
        `${rounds} starts each, in turns, files in the disk cache. A start is from the parent's fork to the first answer over HTTP, ` +
        `on the local functions host, whose own start is in both; hello is an app of one function, bundled in the same way. Module ` +
        `load is in a process of its own, from the first import to the last, without what Keyhold then does.`,
      targets: [
        {
          what: "start to first answer against hello",
          target: "<= 1.2 x",
          measured: withSpread(toHello),
          met: toHello.median <= 1.2,
        },
        {
          what: "module load of the bundle against node_modules",
          target: "<= 0.35 x",
          measured: withSpread(toUnbundled),
          met: toUnbundled.median <= 0.35,
        },
      ],
      tables: [
        {
          title: "Process start to first answer",
          head: ["app", "milliseconds", "against hello"],
          rows: Object.entries(answers).map(([name, ms]) => [
            name,
            withSpread(summarise(ms), 0),
            withSpread(ratios(ms, answers.hello)),
          ]),
        },
        {
          title: "Loading modules, and telemetry's share of it",
          head: ["what", "milliseconds", "against no telemetry", "resident, MB"],
          rows: Object.keys(loads).map((name) => [
            name,
            withSpread(summarise(milliseconds(name)), 0),
            withSpread(ratios(milliseconds(name), base)),
            summarise(load(name).map(({ rssMb }) => rssMb)).median.toFixed(0),
          ]),
        },
        {
          title: "Loaded before the first token, and not needed for it",
          head: ["package or file", "kB loaded", "of it in files of which no function ran for the token"],
          rows: notNeeded
            .slice(0, 20)
            .map(({ owner, loadedKb, idleKb }) => [owner, loadedKb.toFixed(0), idleKb.toFixed(0)]),
          below:
            "Measured without a bundle, so that each file is counted by itself; sizes are those of the source. Telemetry is loaded after the first event, in the background.",
        },
      ],
      charts: {
        start: barChart(
          "Process start to first answer",
          "ms",
          Object.entries(answers).map(([label, ms]) => {
            const { median: value, p25: low, p75: high } = summarise(ms);
            return { label, value, low, high };
          }),
          { value: 1.2 * summarise(answers.hello).median, label: "1.2 x hello" },
        ),
      },
      samples: { answers, loads, notNeeded },
    };
  });
});
