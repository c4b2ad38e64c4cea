import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { nextOccurrence, parseSchedule } from "../../local/emulators/functions-host/ncrontab.ts";
import { openCertificateAuthority } from "../../local/emulators/shared/certificate-authority.ts";
import {
  createApp as createAppIn,
  fixture,
  type Host,
  spawnHost,
  startHost,
  stopHost,
  temporaryFolder,
  until,
} from "../support/functions-host.ts";

const guid = "2f1e5a90-77f4-4c1a-9b5d-0e6f3a1b2c3d";
const folder = await temporaryFolder();
const createApp = (name: string, sources: Record<string, string>, main?: string, hostJson?: object) =>
  createAppIn(join(folder, name), sources, main, hostJson);

/** What the functions of the fixture answer, one member or another. */
interface Answer {
  name: string;
  url: string;
  params: Record<string, string>;
  query: Record<string, string>;
  traceParent: string;
}

interface TimerRun {
  schedule: unknown;
  scheduleStatus: { last: string; next: string };
  isPastDue: boolean;
}

describe("a running host", () => {
  let host: Host;
  let base = "";
  before(async () => {
    const root = await createApp("echo", { "dist/index.js": `import ${JSON.stringify(fixture)};` });
    host = await startHost(root);
    base = `http://127.0.0.1:${host.ready.httpPort}`;
  });
  after(() => stopHost(host));

  async function json<T = Answer>(path: string, init?: RequestInit) {
    const response = await fetch(`${base}${path}`, init);
    return { status: response.status, body: (await response.json()) as T };
  }

  async function empty(path: string, init?: RequestInit): Promise<number> {
    const response = await fetch(`${base}${path}`, init);
    assert.equal(await response.text(), "");
    return response.status;
  }

  test("reports its functions with their routes, methods and schedules", () => {
    const byName = new Map(host.ready.functions.map((fn) => [fn.name, fn]));
    assert.deepEqual(byName.get("defaults"), {
      name: "defaults",
      trigger: "httpTrigger",
      route: "/api/defaults",
      methods: ["GET", "POST"],
    });
    assert.deepEqual(byName.get("tick"), { name: "tick", trigger: "timerTrigger", schedule: "0 0 0 29 2 *" });
    assert.equal(host.ready.httpsPort, undefined);
  });

  test("routes by the function's name below the prefix, in any case and with a trailing slash", async () => {
    const { body } = await json("/API/Defaults/?A=1&b=x%20y&a=2");
    assert.equal(body.url, `${base}/API/Defaults/?A=1&b=x%20y&a=2`);
    assert.deepEqual(body.query, { A: "1,2", b: "x y" });
    assert.equal(await empty("/defaults"), 404);
    assert.equal(await empty("/api/unknown"), 404);
  });

  test("passes decoded route parameters and omits an absent optional one", async () => {
    assert.deepEqual((await json(`/api/items/${guid}/b%20c`)).body.params, { id: guid, part: "b c" });
    assert.deepEqual((await json(`/api/items/${guid}`)).body.params, { id: guid });
    assert.equal(await empty("/api/items/no-guid"), 404);
    assert.deepEqual((await json("/api/things/a%2Fb%25")).body.params, { name: "a%2Fb%" });
    assert.deepEqual((await json("/api/files/a/b%20c")).body.params, { rest: "a/b c" });
    assert.deepEqual((await json("/api/files")).body.params, {});
    assert.equal(await empty("/api/things/a/b"), 404);
  });

  test("prefers a literal segment, warns that Azure may not, and answers 404 to another method", async () => {
    assert.equal((await json("/api/things/special")).status, 201);
    assert.equal((await json("/api/things/other")).status, 200);
    assert.equal(await (await fetch(`${base}/api/things/special`, { method: "PUT" })).text(), "put");
    assert.equal(await empty("/api/things/special", { method: "DELETE" }), 404);
    assert.match(host.stdout(), /things\/special goes to \\"special\\".*\\"any\\"/);
    assert.match(host.stdout(), /does not check function keys.*late/);
  });

  test("resolves dot segments before routing", async () => {
    const request = httpRequest(`${base}/`, { path: "/api/files/%2e%2e/defaults" }).end();
    const [response] = await once(request, "response");
    assert.equal(JSON.parse(await text(response)).url, `${base}/api/defaults`);
  });

  test("passes JSON and form bodies", async () => {
    const order = { tenant: "ä", list: [1] };
    assert.deepEqual((await json("/api/json", { method: "POST", body: JSON.stringify(order) })).body, order);
    const form = new URLSearchParams({ grant_type: "client_credentials", scope: "a b" });
    assert.deepEqual((await json("/api/form", { method: "POST", body: form })).body, Object.fromEntries(form));
  });

  test("passes headers in lower case, and joins repeated ones", async () => {
    const request = httpRequest(`${base}/api/headers`, { headers: { "X-Twice": ["1", "2"] } }).end();
    const [response] = await once(request, "response");
    const headers = JSON.parse(await text(response));
    assert.equal(headers["x-twice"], "1,2");
  });

  test("passes the trace context of the caller", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert.equal((await json("/api/trace", { headers: { traceparent } })).body.traceParent, traceparent);
    assert.deepEqual((await json("/api/trace")).body, {});
  });

  test("sends status, headers, cookies and a streamed body", async () => {
    const response = await fetch(`${base}/api/answer`);
    assert.equal(response.status, 202);
    assert.equal(response.headers.get("x-one"), "1");
    assert.deepEqual(response.headers.getSetCookie(), ["a=b%20c; max-age=60; path=/; samesite=strict; httponly"]);
    assert.equal(await response.text(), "in parts");
    assert.equal(await empty("/api/nothing"), 204);
  });

  test("answers 500 without details if the handler fails, and logs the reason", async () => {
    assert.equal(await empty("/api/throws"), 500);
    await until("the log", () => host.stderr().includes("the reason stays in the log"));
    assert.equal(await empty("/api/badStatus"), 500);
  });

  test("allows hooks to see and change an invocation and its log", async () => {
    assert.match(host.stdout(), /^appStart hook$/m);
    assert.equal(await (await fetch(`${base}/api/hooked`)).text(), "handler preInvocation");
  });

  test("writes one line of JSON for each log record", async () => {
    await fetch(`${base}/api/logs`);
    await until("the log", () => host.stdout().includes("***"));
    const lines = host.stdout().split("\n");
    const records = lines.filter((line) => line.includes('"function":"logs"')).map((line) => JSON.parse(line));
    assert.deepEqual(
      records.map(({ level, message }) => [level, message]),
      [
        ["information", "a { b: 1 }"],
        ["warning", "my ***"],
      ],
    );
    assert.match(records[0].invocationId, /^[\da-f-]{36}$/);
    assert.ok(Math.abs(Date.parse(records[0].time) - Date.now()) < 60_000);
  });

  test("refuses a function that is registered after the start", async () => {
    assert.equal(await empty("/api/late"), 500);
    await until("the log", () => /\\"tooLate\\" is registered after the start/.test(host.stderr()));
  });

  test("runs a timer on demand, one run at a time", async () => {
    const run = (name: string, query = "") => empty(`/admin/functions/${name}${query}`, { method: "POST" });
    assert.equal(await run("tick"), 202);
    assert.equal(await run("TICK", "?wait=true"), 200);
    const { body } = await json<TimerRun[]>("/api/timerRuns");
    assert.equal(body.length, 2);
    const never = "0001-01-01T00:00:00+00:00";
    assert.deepEqual(body[0]?.schedule, { adjustForDST: true });
    assert.equal(body[0]?.isPastDue, false);
    assert.equal(body[0]?.scheduleStatus.last, never);
    assert.match(String(body[0]?.scheduleStatus.next), /^20\d\d-02-29T00:00:00\.000\+00:00$/);
    assert.equal(await run("failing", "?wait=true"), 500);
    assert.equal(await run("failing"), 202);
    assert.equal(await run("defaults"), 400);
    assert.equal(await run("unknown"), 404);
  });

  test("runs timers on schedule and at the start", async () => {
    await until("the run at the start", () => host.stdout().includes("ran at start"));
    await until("a run on schedule", () => host.stdout().includes("second true"));
  });

  test("lists the functions and reports its state", async () => {
    assert.deepEqual((await json("/admin/functions")).body, host.ready.functions);
    assert.deepEqual((await json("/admin/functions/tick")).body.name, "tick");
    assert.deepEqual((await json("/admin/host/status")).body, { state: "Running" });
    assert.equal(await empty("/admin/other"), 404);
  });
});

describe("the life of a host", () => {
  let root = "";
  before(async () => {
    root = await createApp("life", { "dist/index.js": `import ${JSON.stringify(fixture)};` });
  });

  test("SIGTERM lets a running request finish, runs the hooks and ends with 0", async () => {
    const host = await startHost(root);
    const answer = fetch(`http://127.0.0.1:${host.ready.httpPort}/api/slow`);
    await until("the request", () => host.stdout().includes("slow started"));
    host.child.kill("SIGTERM");
    assert.equal(await (await answer).text(), "done");
    const answeredAt = Date.now();
    assert.equal(await host.exited, 0);
    assert.ok(Date.now() - answeredAt < 2000);
    assert.match(host.stdout(), /^appTerminate hook$/m);
    await assert.rejects(fetch(`http://127.0.0.1:${host.ready.httpPort}/api/slow`));
  });

  test("ends when its parent process ends, even while it loads the app", async () => {
    const host = await startHost(root);
    host.child.disconnect();
    // Node emits no "close" once the channel is cut from this side.
    assert.deepEqual(await once(host.child, "exit"), [0, null]);
    const orphan = spawnHost(root);
    orphan.child.disconnect();
    assert.deepEqual(await once(orphan.child, "exit"), [0, null]);
  });

  test("serves HTTPS with a certificate of the local authority", async () => {
    const authority = await openCertificateAuthority(join(folder, "ca"));
    const identity = await authority.issue(["localhost"]);
    const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    await writeFile(cert, identity.certificate);
    await writeFile(key, identity.privateKey);
    const host = await startHost(root, ["--http", "0", "--https", "0", "--cert", cert, "--key", key]);
    const url = `https://localhost:${host.ready.httpsPort}/api/defaults`;
    const request = httpsRequest(url, { ca: authority.certificate }).end();
    const [response] = await once(request, "response");
    assert.equal(JSON.parse(await text(response)).url, url);
    await stopHost(host);
  });

  test("a port in use is reported, with the option that changes it", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const host = spawnHost(root, ["--http", String(port)]);
    assert.equal(await host.exited, 1);
    assert.match(host.stderr(), new RegExp(`cannot listen on port ${port}: it is taken; .*--http\n$`));
    server.close();
  });
});

describe("an app that cannot be served", () => {
  async function failureOf(name: string, source: string): Promise<string> {
    const host = spawnHost(await createApp(name, { "dist/index.js": source }));
    assert.equal(await host.exited, 1);
    return host.stderr();
  }

  const use = 'import { app } from "@azure/functions";';

  test("ends the host if Azure would refuse a route, or if this host does not support it", async () => {
    const [admin, twice, mixed, stream, schedule] = await Promise.all([
      failureOf("admin", `${use} app.get("a", { route: "administration", handler: () => ({}) });`),
      failureOf("twice", `${use} for (const n of ["a", "b"]) app.get(n, { route: "Same", handler: () => ({}) });`),
      failureOf("mixed", `${use} app.get("a", { route: "x-{y}", handler: () => ({}) });`),
      failureOf("stream", `${use} app.setup({ enableHttpStream: true }); app.get("a", () => ({}));`),
      failureOf("schedule", `${use} app.timer("a", { schedule: "0 60 * * * *", handler: () => {} });`),
    ]);
    assert.match(admin, /"a": the host keeps routes that start with admin/);
    assert.match(twice, /"a" and "b" have the same route/);
    assert.match(mixed, /does not support the segment "x-\{y\}"/);
    assert.match(stream, /enableHttpStream/);
    assert.match(schedule, /has no valid minute/);
  });

  test("loads every file that main names, in order", async () => {
    const sources = {
      "dist/z.js": `globalThis.order = ["z"];`,
      "dist/functions/a.js": `${use} globalThis.order.push("a"); app.get("a", () => ({ jsonBody: globalThis.order }));`,
      "dist/functions/b.js": `globalThis.order.push("b");`,
    };
    const hostJson = { extensions: { http: { routePrefix: "" } } };
    const host = await startHost(await createApp("many", sources, "dist/{z.js,functions/*.js}", hostJson));
    const response = await fetch(`http://127.0.0.1:${host.ready.httpPort}/a`);
    assert.deepEqual(await response.json(), ["z", "a", "b"]);
    await stopHost(host);
  });
});

test("the next run is the first time that matches all six fields of the schedule", () => {
  const next = (expression: string, from: string) =>
    nextOccurrence(parseSchedule(expression), new Date(from))?.toISOString();
  assert.equal(next("0 */5 * * * *", "2026-01-01T00:05:00.000Z"), "2026-01-01T00:10:00.000Z");
  assert.equal(next("*/20 * * * * *", "2026-12-31T23:59:41.500Z"), "2027-01-01T00:00:00.000Z");
  assert.equal(next("30 15 2 * * 1-5", "2026-01-02T02:15:30Z"), "2026-01-05T02:15:30.000Z");
  assert.equal(next("0 0 0 31 * *", "2026-01-31T00:00:00Z"), "2026-03-31T00:00:00.000Z");
  assert.equal(next("0 0 12 29 2 0", "2026-01-01T00:00:00Z"), "2032-02-29T12:00:00.000Z");
  assert.equal(next("0 10-30/10,50 8,20 * * *", "2026-01-01T08:31:00Z"), "2026-01-01T08:50:00.000Z");
  assert.equal(next("0 5/25 * * * *", "2026-01-01T08:31:00Z"), "2026-01-01T08:55:00.000Z");
  assert.equal(next("0 0 0 30 2 *", "2026-01-01T00:00:00Z"), undefined);
  for (const wrong of ["* * * * *", "0 0 0 0 * *", "0 0 24 * * *", "0 5-2 * * * *", "0 */0 * * * *", "0 x * * * *"]) {
    assert.throws(() => parseSchedule(wrong), /the schedule/);
  }
});
