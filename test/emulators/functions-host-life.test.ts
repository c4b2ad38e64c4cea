/** How Azure's host starts an app that fails to load, and how it stops a running one. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { levelOf } from "../../local/emulators/functions-host/console-lines.ts";
import {
  createApp,
  type Host,
  startHost,
  stopHost,
  temporaryFolder,
  until,
  withLimits,
} from "../support/functions-host.ts";

const use = 'import { app } from "@azure/functions";';
const folder = await temporaryFolder();

async function start(name: string, source: string, options?: string[], settings?: Record<string, string>) {
  const hostJson = { extensions: { http: { routePrefix: "" } } };
  const root = await createApp(join(folder, name), { "dist/index.js": source }, "dist/index.js", hostJson);
  return startHost(root, options, settings);
}

const baseOf = (host: Host) => `http://127.0.0.1:${host.ready.httpPort}`;
const statusOf = async (url: string) => (await fetch(url)).status;

function recordsOf(output: string): { level: string; message: string }[] {
  const records = output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  return records.map(({ level, message }) => ({ level, message }));
}

describe("an app that fails to load", () => {
  const failing = `${use}
if (process.env.FAIL) throw new Error("2 settings are bad:\\n- KEYHOLD_A is not set\\n- KEYHOLD_B: parsing failed");
app.get("live", () => ({ body: "live" }));`;

  test("leaves the host up with every route 404 and the home page at /", async () => {
    const host = await start("failing", failing, undefined, { FAIL: "1" });
    assert.deepEqual(host.ready.functions, []);
    assert.equal(await statusOf(`${baseOf(host)}/live`), 404);
    assert.equal(await statusOf(`${baseOf(host)}/`), 200);
    assert.match(host.stderr(), /^Error: 2 settings are bad:\n- KEYHOLD_A is not set\n/);
    await stopHost(host);
  });

  test("shows in the strict log only the lines that contain an error word as errors", async () => {
    const host = await start("strict", failing, ["--http", "0", "--strict-log"], { FAIL: "1" });
    assert.deepEqual(recordsOf(host.stderr()).slice(0, 3), [
      { level: "error", message: "Error: 2 settings are bad:" },
      { level: "information", message: "- KEYHOLD_A is not set" },
      { level: "error", message: "- KEYHOLD_B: parsing failed" },
    ]);
    await stopHost(host);
  });

  test("may also be one without functions, or without the file in main", async () => {
    const silent = await start("silent", use);
    assert.match(silent.stderr(), /registers no function/);
    await stopHost(silent);
    const root = await createApp(join(folder, "unbuilt"), { "dist/index.js": use }, "lib/*.js");
    const unbuilt = await startHost(root);
    assert.match(unbuilt.stderr(), /names "lib\/\*\.js", and no file matches/);
    await stopHost(unbuilt);
  });

  test("is also one that takes too long, whatever it registers later", async () => {
    const slow = `${use} await new Promise((resolve) => setTimeout(resolve, 3000)); app.get("live", () => ({}));`;
    const host = await start("slow", slow, withLimits({ loadMs: 300 }));
    assert.equal(await statusOf(`${baseOf(host)}/live`), 404);
    assert.match(host.stderr(), /did not load in 0\.3 s/);
    await stopHost(host);
  });
});

test("the home page can be disabled", async () => {
  const host = await start("home", `${use} app.get("live", () => ({}));`, undefined, {
    AzureWebJobsDisableHomepage: "true",
  });
  const answer = await fetch(`${baseOf(host)}/`, { method: "POST" });
  assert.deepEqual([answer.status, await answer.text()], [204, ""]);
  await stopHost(host);
});

test("the strict log records the app's output line by line, stdout as Information", async () => {
  const source = `${use}
console.log("an error\\nin two lines");
process.stderr.write("begun ");
process.stderr.write("and severe\\nplain\\nSome WARNING\\n");
app.get("live", () => ({}));`;
  const host = await start("lines", source, ["--http", "0", "--strict-log"]);
  assert.deepEqual(recordsOf(host.stdout()), [
    { level: "information", message: "an error" },
    { level: "information", message: "in two lines" },
  ]);
  assert.deepEqual(recordsOf(host.stderr()), [
    { level: "error", message: "begun and severe" },
    { level: "information", message: "plain" },
    { level: "warning", message: "Some WARNING" },
  ]);
  await stopHost(host);
  assert.equal(levelOf("stderr", "it FAILED"), "error");
});

describe("SIGTERM", () => {
  const source = `${use}
app.get("fast", () => ({ body: "fast" }));
app.get("slow", async () => {
  console.log("slow begun");
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.SLOW_MS ?? 400)));
  console.log("slow ended");
  return { body: "slow" };
});
app.timer("tick", { schedule: "* * * * * *", handler: () => console.log("tick") });
app.hook.appTerminate(async () => {
  console.log("terminate begun");
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.TERMINATE_MS ?? 0)));
  console.log("terminate ended");
});`;

  test("resets no request under load: all requests are answered, the last ones with Connection: close", async () => {
    const host = await start("load", source);
    const agent = new Agent({ keepAlive: true, maxSockets: 20 });
    const statuses: (number | undefined)[] = [];
    const errors: string[] = [];
    let last = "";
    const client = async () => {
      for (;;) {
        try {
          const request = httpRequest(`${baseOf(host)}/fast`, { agent }).end();
          const [response] = await once(request, "response");
          await text(response);
          statuses.push(response.statusCode);
          last = response.headers.connection;
        } catch (error) {
          errors.push((error as NodeJS.ErrnoException).code ?? String(error));
          return;
        }
      }
    };
    const clients = Array.from({ length: 20 }, client);
    await until("some answers", () => statuses.length > 200);
    host.child.kill("SIGTERM");
    await Promise.all(clients);
    assert.equal(await host.exited, 0);
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.deepEqual(new Set(errors), new Set(["ECONNREFUSED"]));
    assert.equal(last, "close");
    agent.destroy();
  });

  test("closes idle connections and adds Connection: close to a pending answer", async () => {
    const host = await start("idle", source);
    const idle = connect(host.ready.httpPort, "127.0.0.1");
    await once(idle, "connect");
    const agent = new Agent({ keepAlive: true });
    const request = httpRequest(`${baseOf(host)}/slow`, { agent }).end();
    await until("the request", () => host.stdout().includes("slow begun"));
    const ended = once(idle.resume(), "end");
    host.child.kill("SIGTERM");
    const [response] = await once(request, "response");
    assert.equal(response.headers.connection, "close");
    assert.equal(await text(response), "slow");
    await ended;
    assert.equal(await host.exited, 0);
  });

  test("a caller that disconnects does not end its invocation, and the host still waits for it", async () => {
    const host = await start("gone", source);
    const request = httpRequest(`${baseOf(host)}/slow`).end();
    request.on("error", () => undefined);
    await until("the request", () => host.stdout().includes("slow begun"));
    request.destroy();
    host.child.kill("SIGTERM");
    assert.equal(await host.exited, 0);
    assert.match(host.stdout(), /slow ended\n(.*\n)*terminate begun\n/);
  });

  test("resets connections that are open after the drain, and gives their invocations more time", async () => {
    const limits = withLimits({ connectionDrainMs: 300, invocationDrainMs: 2000 });
    const host = await start("reset", source, limits, { SLOW_MS: "900" });
    const answer = once(httpRequest(`${baseOf(host)}/slow`).end(), "response");
    await until("the request", () => host.stdout().includes("slow begun"));
    host.child.kill("SIGTERM");
    await assert.rejects(answer, { code: "ECONNRESET" });
    assert.doesNotMatch(host.stdout(), /slow ended/);
    assert.equal(await host.exited, 0);
    assert.match(host.stdout(), /slow ended\n(.*\n)*terminate begun\n/);
  });

  test("asks the app to end if an invocation outlives that time too", async () => {
    const limits = withLimits({ connectionDrainMs: 100, invocationDrainMs: 200 });
    const host = await start("outlived", source, limits, { SLOW_MS: "60000" });
    const answer = once(httpRequest(`${baseOf(host)}/slow`).end(), "response");
    await until("the request", () => host.stdout().includes("slow begun"));
    host.child.kill("SIGTERM");
    await assert.rejects(answer, { code: "ECONNRESET" });
    assert.equal(await host.exited, 0);
    assert.match(host.stdout(), /terminate ended/);
  });

  test("kills the app during appTerminate if that takes too long", async () => {
    const host = await start("killed", source, withLimits({ terminateMs: 300 }), { TERMINATE_MS: "60000" });
    host.child.kill("SIGTERM");
    await until("the hook", () => host.stdout().includes("terminate begun"));
    const begunAt = Date.now();
    assert.equal(await host.exited, 0);
    assert.ok(Date.now() - begunAt < 2000);
    assert.doesNotMatch(host.stdout(), /terminate ended/);
    assert.match(host.stdout(), /appTerminate did not end in 0\.3 s; the worker is killed/);
  });

  test("lets timers fire during the drain, and no longer once the app is asked to end", async () => {
    const host = await start("timers", source, undefined, { SLOW_MS: "2500", TERMINATE_MS: "1500" });
    const answer = fetch(`${baseOf(host)}/slow`);
    await until("the request", () => host.stdout().includes("slow begun"));
    await sleep(50);
    const before = host.stdout().length;
    host.child.kill("SIGTERM");
    assert.equal((await answer).status, 200);
    assert.equal(await host.exited, 0);
    const [drain = "", end = ""] = host.stdout().slice(before).split("terminate begun");
    assert.ok(drain.split("tick").length >= 3, drain);
    assert.doesNotMatch(end, /tick/);
  });
});

test("a disabled timer has no schedule, and runs when an administrator starts it", async () => {
  const source = `${use}
app.timer("off", { schedule: "* * * * * *", runOnStartup: true, handler: () => console.log("off ran") });
app.timer("on", { schedule: "* * * * * *", handler: () => console.log("on ran") });`;
  const host = await start("switched-off", source, undefined, { "AzureWebJobs.off.Disabled": "true" });
  await until("two seconds", () => host.stdout().split("on ran").length > 2);
  assert.doesNotMatch(host.stdout(), /off ran/);
  await fetch(`${baseOf(host)}/admin/functions/off?wait=true`, { method: "POST", body: "{}" });
  await until("its run", () => host.stdout().includes("off ran"));
  await stopHost(host);
});
