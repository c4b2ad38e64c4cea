/**
 * Preloaded into an instance that is measured (`NODE_OPTIONS=--import`): reports its memory and the delays of its event
 * loop, sets its clock ahead, and profiles it. Listens on loopback only, and is never part of the deployed package.
 *
 * BENCH_AGENT_PORT: where it listens. BENCH_NO_LOG: nothing is written. BENCH_COVERAGE: counts functions.
 */
import { createServer } from "node:http";
import { Session } from "node:inspector/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as NonNullable<typeof globalThis.gc>;
const realNow = Date.now.bind(Date);
let aheadMs = 0;
Date.now = () => realNow() + aheadMs;

/** The histogram counts the time between two samples, so what is lost is what exceeds the resolution. */
const resolutionMs = 2;
const delays = monitorEventLoopDelay({ resolution: resolutionMs });
delays.enable();
const lagMs = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolutionMs);

/** Connected when it is asked for: the inspector makes every line of the log slower. */
let connected: Session | undefined;
const profiler = async (): Promise<Session> => {
  if (connected) return connected;
  connected = new Session();
  connected.connect();
  await connected.post("Profiler.enable");
  return connected;
};
if (process.env.BENCH_NO_LOG) process.stdout.write = () => true;

const answers: Record<string, (query: URLSearchParams) => unknown> = {
  "/memory": () => process.memoryUsage(),
  "/memory-after-gc": () => {
    for (let i = 0; i < 3; i++) collectGarbage();
    return process.memoryUsage();
  },
  /**
   * What is left from the start goes too, such as V8's cache of compiled scripts. Turn by turn: the timer of an
   * AbortSignal that nobody needs any longer is cleared in a turn after it was collected.
   */
  "/memory-at-rest": async () => {
    for (let i = 0; i < 4; i++) {
      collectGarbage({ type: "major", execution: "sync", flavor: "last-resort" });
      await sleep(20);
    }
    collectGarbage();
    return process.memoryUsage();
  },
  "/lag": () => ({ p50: lagMs(delays.percentile(50)), p99: lagMs(delays.percentile(99)), max: lagMs(delays.max) }),
  "/lag/reset": () => delays.reset(),
  "/clock": (query) => {
    aheadMs = Number(query.get("aheadMs"));
  },
  "/cpu": () => process.cpuUsage(),
  "/profile/start": async () => void (await (await profiler()).post("Profiler.start")),
  "/profile/stop": async () => (await (await profiler()).post("Profiler.stop")).profile,
  "/coverage/start": async () => {
    await (await profiler()).post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
  },
  /** Files of which a function ran since the last time, and how many functions. */
  "/coverage/take": async () => {
    const { result } = await (await profiler()).post("Profiler.takePreciseCoverage");
    return Object.fromEntries(
      result.map(({ url, functions }) => [url, functions.filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0).length]),
    );
  },
};

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const answer = await answers[pathname]?.(searchParams);
  response.end(JSON.stringify(answer ?? null));
});
server.listen(Number(process.env.BENCH_AGENT_PORT), "127.0.0.1").unref();
if (process.env.BENCH_COVERAGE) await answers["/coverage/start"]?.(new URLSearchParams());
