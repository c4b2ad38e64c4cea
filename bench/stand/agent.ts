/**
 * Preloaded into a measured instance (`NODE_OPTIONS=--import`): reports its memory and the delays of its event loop,
 * moves its clock forward, and profiles it. Listens on loopback only, and is never part of the deployed package.
 *
 * BENCH_AGENT_PORT: the port it listens on. BENCH_NO_LOG: nothing is logged. BENCH_COVERAGE: counts functions.
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

/** The histogram counts the time between two samples, so the delay is the part above the resolution. */
const resolutionMs = 2;
const delays = monitorEventLoopDelay({ resolution: resolutionMs });
delays.enable();
const lagMs = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolutionMs);

/** Connected on demand, because the inspector makes every log line slower. */
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
   * Also frees what is left from the start, such as V8's cache of compiled scripts. Collects several times: the timer
   * of a collected AbortSignal is cleared only in a later turn of the event loop.
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
  /** Files in which a function ran since the last call, and how many functions. */
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
