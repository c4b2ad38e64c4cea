/** How Azure's host behaves under load and with lost workers: limits of requests, of time, and of crashes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { functionTimeoutMs } from "../../local/emulators/functions-host/host-json.ts";
import { requestLimits } from "../../local/emulators/functions-host/platform.ts";
import { createThrottle } from "../../local/emulators/functions-host/throttle.ts";
import {
  createApp,
  type Host,
  startHost,
  stopHost,
  temporaryFolder,
  until,
  withLimits,
} from "../support/functions-host.ts";

const source = `
import { app } from "@azure/functions";
let running = 0;
let most = 0;
let waiting = [];
globalThis.loaded = (globalThis.loaded ?? 0) + 1;
const own = globalThis.loaded;
app.http("wait", { route: "{first}/wait", handler: async () => {
  running += 1;
  most = Math.max(most, running);
  console.log("waiting " + running);
  await new Promise((resolve) => waiting.push(resolve));
  running -= 1;
  return { body: "done" };
} });
app.get("fast", () => ({ body: "fast" }));
app.get("worker", () => ({ jsonBody: own }));
app.get("never", () => new Promise(() => console.log("never begun")));
app.get("unhandled", () => {
  void Promise.reject(new Error("nobody handles this"));
  return new Promise(() => {});
});
app.timer("release", { schedule: "0 0 0 29 2 *", handler: () => {
  console.log("most " + most);
  for (const resolve of waiting.splice(0)) resolve();
} });
app.timer("atStart", { schedule: "0 0 0 29 2 *", runOnStartup: true, handler: () => console.log("ran at start") });
`;
const folder = await temporaryFolder();

async function start(name: string, hostJson: object, options?: string[]): Promise<{ host: Host; base: string }> {
  const json = { ...hostJson, extensions: { http: { routePrefix: "" } } };
  const root = await createApp(join(folder, name), { "dist/index.js": source }, "dist/index.js", json);
  const host = await startHost(root, options);
  return { host, base: `http://127.0.0.1:${host.ready.httpPort}` };
}

const release = (base: string) => fetch(`${base}/admin/functions/release?wait=true`, { method: "POST" });
const statusOf = async (url: string) => (await fetch(url)).status;

describe("concurrent requests", () => {
  test("are limited to 200, of which 100 run, and -1 means any number", () => {
    assert.deepEqual(requestLimits({}), { maxConcurrent: 100, maxOutstanding: 200 });
    const http = { maxConcurrentRequests: 7, maxOutstandingRequests: -1 };
    const unbounded = { maxConcurrent: 7, maxOutstanding: Number.POSITIVE_INFINITY };
    assert.deepEqual(requestLimits({ extensions: { http } }), unbounded);
  });

  test("of 400 at once, 200 are answered, and 200 get an empty 429 that only asks for scale-out", async () => {
    const { host, base } = await start("throttled", {});
    const asked = Array.from({ length: 400 }, () => fetch(`${base}/x/wait`));
    await until("the first 100", () => host.stdout().includes("waiting 100\n"));
    let refused = 0;
    for (const answer of asked) void answer.then(({ status }) => (refused += status === 429 ? 1 : 0));
    await until("the refusals", () => refused === 200);
    const other = await fetch(`${base}/fast`);
    assert.equal(other.status, 429, "every function is refused, whatever it costs");
    assert.equal(other.headers.get("x-function-scaleout"), "1");
    assert.equal(other.headers.get("retry-after"), null);
    assert.equal(await other.text(), "");
    assert.equal(await statusOf(`${base}/`), 200);
    const admin = fetch(`${base}/admin/wait`);
    await until("what is not throttled", () => host.stdout().includes("waiting 101\n"));
    await release(base);
    await until("the other hundred", () => host.stdout().split("waiting 100\n").length === 3);
    await release(base);
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 200).length, 200);
    assert.equal((await admin).status, 200);
    assert.doesNotMatch(host.stdout(), /waiting 102/);
    assert.equal(await statusOf(`${base}/fast`), 200);
    await stopHost(host);
  });

  test("finish in their order, and a place is released if the work fails", async () => {
    const throttle = createThrottle({ maxConcurrent: 1, maxOutstanding: 2 });
    const order: string[] = [];
    const first = throttle.run(async () => {
      order.push("first");
      throw new Error("failed");
    });
    const second = throttle.run(async () => void order.push("second"));
    assert.equal(
      throttle.run(async () => void order.push("third")),
      undefined,
    );
    await assert.rejects(first ?? assert.fail("refused"), /failed/);
    await second;
    assert.deepEqual(order, ["first", "second"]);
    await throttle.run(async () => void order.push("fourth"));
    assert.deepEqual(order, ["first", "second", "fourth"]);
  });
});

describe("a lost worker", () => {
  test("after an unhandled rejection running requests get a 500, and the next worker answers", async () => {
    const { host, base } = await start("crash", {});
    const inFlight = fetch(`${base}/x/wait`);
    await until("the request", () => host.stdout().includes("waiting 1\n"));
    assert.equal(await statusOf(`${base}/unhandled`), 500);
    const answer = await inFlight;
    assert.deepEqual([answer.status, await answer.text()], [500, ""]);
    assert.equal(await (await fetch(`${base}/worker`)).json(), 2);
    assert.match(host.stderr(), /the worker crashed: Error: nobody handles this/);
    assert.equal(host.stdout().split("ran at start").length, 2, "the timers go on rather than start");
    assert.equal((await release(base)).status, 200);
    await stopHost(host);
  });

  test("after several crashes the host stops", async () => {
    const { host, base } = await start("crashes", {});
    for (const _ of [1, 2, 3]) assert.equal(await statusOf(`${base}/unhandled`), 500);
    assert.equal(await host.exited, 0);
    assert.match(host.stderr(), /crashed 3 times; the host stops/);
  });

  test("after functionTimeout there is a 500 some seconds late, and a new worker", async () => {
    const { host, base } = await start("timeout", { functionTimeout: "00:00:01" }, withLimits({ timeoutGraceMs: 300 }));
    const inFlight = fetch(`${base}/x/wait`);
    const startedAt = Date.now();
    assert.equal(await statusOf(`${base}/never`), 500);
    const tookMs = Date.now() - startedAt;
    assert.ok(tookMs >= 1200 && tookMs < 3000, `${tookMs}`);
    assert.equal((await inFlight).status, 500);
    assert.equal(await (await fetch(`${base}/worker`)).json(), 2);
    await stopHost(host);
  });

  test("functionTimeout is a time span, or no limit", () => {
    assert.equal(functionTimeoutMs({ functionTimeout: "00:05:00" }), 300_000);
    assert.equal(functionTimeoutMs({ functionTimeout: "1.02:03:04" }), 93_784_000);
    assert.equal(functionTimeoutMs({ functionTimeout: "-1" }), undefined);
    assert.equal(functionTimeoutMs({}), 1_800_000);
    assert.throws(() => functionTimeoutMs({ functionTimeout: "5m" }), /"5m" must be hh:mm:ss/);
  });
});
