/** What Azure's host accepts and refuses on the wire. Every value was measured on host 4.1037 with worker 3.9.1. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { azureLimits } from "../../local/emulators/functions-host/platform.ts";
import {
  createApp,
  type Host,
  sendRaw,
  startHost,
  stopHost,
  temporaryFolder,
  until,
  withLimits,
} from "../support/functions-host.ts";

const source = `
import { app } from "@azure/functions";
let metadata;
let seen = [];
app.hook.preInvocation(() => seen.push("preInvocation"));
app.hook.postInvocation(() => seen.push("postInvocation"));
app.hook.log(() => seen.push("log"));
const show = async (request) => ({
  jsonBody: {
    method: request.method,
    url: request.url,
    params: request.params,
    headers: Object.fromEntries(request.headers),
    body: await request.text(),
  },
});
app.http("show", { route: "show/{name?}", methods: ["GET", "POST"], handler: show });
app.http("both", { methods: ["GET", "HEAD"], handler: () => ({ body: "text", headers: { "x-seen": "yes" } }) });
app.http("assertion", { route: "{tenantId}/assertion", methods: ["POST"], handler: show });
app.http("rest", { route: "rest/{*path}", methods: ["GET"], handler: show });
app.http("metadata", { route: "metadata/{name}", methods: ["POST"], handler: () => ({ jsonBody: metadata }) });
app.get("seen", () => {
  const all = seen;
  seen = [];
  return { jsonBody: all };
});
app.get("empty", () => ({ status: 200 }));
app.get("long", () => ({ body: "four", headers: { "content-length": "5" } }));
app.get("exact", () => ({ body: "four", headers: { "content-length": "4" } }));
// The library keeps the metadata of HTTP triggers from the handler, but it has been there.
const model = require("@azure/functions-core").getProgrammingModel();
const getInvocationModel = model.getInvocationModel.bind(model);
model.getInvocationModel = (context) => {
  metadata = context.request.triggerMetadata;
  return getInvocationModel(context);
};
`;
const hostJson = { extensions: { http: { routePrefix: "" } } };
const folder = await temporaryFolder();

let host: Host;
before(async () => {
  const root = await createApp(join(folder, "app"), { "dist/index.js": source }, "dist/index.js", hostJson);
  host = await startHost(root, withLimits({ bodyGraceMs: 200, headersMs: 300 }));
});
after(() => stopHost(host));

/** A request with a Host header that closes its connection. */
function ask(line: string, headers: string[] = [], body = "") {
  const lines = [`${line} HTTP/1.1`, "Host: keyhold.example", "Connection: close", ...headers, "", body];
  return sendRaw(host.ready.httpPort, lines.join("\r\n"));
}

/** The JSON of a chunked answer, whose chunks are shorter than 64 KiB. */
function jsonOf({ status, body }: { status: number; body: string }) {
  assert.equal(status, 200, body);
  return JSON.parse(body.replace(/^[\da-f]+\r\n|\r\n0\r\n\r\n$/g, ""));
}

test("the times and sizes are Azure's unless a test shortens them", () => {
  const { headersMs, bodyGraceMs, maxBodyBytes, maxRequestLineBytes, maxHeaderBytes, maxHeaderCount } = azureLimits;
  assert.deepEqual([headersMs, bodyGraceMs, maxBodyBytes / 2 ** 20], [30_000, 5_000, 100]);
  assert.deepEqual([maxRequestLineBytes, maxHeaderBytes, maxHeaderCount], [8192, 32_768, 100]);
  const { loadMs, connectionDrainMs, invocationDrainMs, terminateMs } = azureLimits;
  assert.deepEqual([loadMs, connectionDrainMs, invocationDrainMs, terminateMs], [120_000, 30_000, 10_000, 5_000]);
});

describe("bodies of requests", () => {
  const chunked = "4\r\nlost\r\n0\r\n\r\n";

  test("one with a length reaches the app", async () => {
    assert.equal(jsonOf(await ask("POST /show", ["Content-Length: 4"], "four")).body, "four");
  });

  test("a chunked one is lost", async () => {
    assert.equal(jsonOf(await ask("POST /show", ["Transfer-Encoding: chunked"], chunked)).body, "");
  });

  test("one with both lengths reaches the app", async () => {
    const both = ["Content-Length: 4", "Transfer-Encoding: chunked"];
    assert.equal(jsonOf(await ask("POST /show", both, chunked)).body, "lost");
  });

  test("a bad chunk reaches the app as an empty body", async () => {
    assert.equal(jsonOf(await ask("POST /show", ["Transfer-Encoding: chunked"], "zz\r\nlost\r\n")).body, "");
  });

  test("one of 101 MB is a 500, and the app is not asked", async () => {
    const answer = await ask("POST /show", [`Content-Length: ${101 * 2 ** 20}`]);
    assert.deepEqual([answer.status, answer.body], [500, ""]);
  });

  test("one that stalls is a 500 a tenth after its grace period", async () => {
    const startedAt = Date.now();
    const answer = await ask("POST /show", ["Content-Length: 100"], "begun");
    assert.deepEqual([answer.status, answer.body], [500, ""]);
    assert.ok(Date.now() - startedAt >= 200);
  });

  test("one that arrives slowly, but fast enough, is accepted", async () => {
    const socket = connect(host.ready.httpPort, "127.0.0.1");
    socket.write("POST /show HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 600\r\n\r\n");
    let answer = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      answer += chunk;
    });
    for (let sent = 0; sent < 600; sent += 100) {
      socket.write("x".repeat(100));
      await sleep(60);
    }
    await until("the answer", () => answer.includes("\r\n0\r\n\r\n"));
    assert.match(answer, /^HTTP\/1\.1 200 /);
  });
});

describe("methods and paths", () => {
  test("HEAD is 404 unless the function lists it, and then has no body", async () => {
    assert.equal((await ask("HEAD /show")).status, 404);
    const answer = await ask("HEAD /both");
    assert.deepEqual([answer.status, answer.headers.get("x-seen"), answer.body], [200, "yes", ""]);
  });

  test("/ is the home page of the host for every method", async () => {
    for (const method of ["GET", "POST", "DELETE"]) {
      const answer = await ask(`${method} /`, ["Content-Length: 0"]);
      assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "text/html"]);
    }
    assert.equal((await ask("HEAD /")).status, 200);
  });

  test("a path that the host's own API does not know reaches the app, also below /admin and /runtime", async () => {
    for (const first of ["admin", "ADMIN", "%61dmin", "runtime"]) {
      const { params } = jsonOf(await ask(`POST /${first}/assertion`, ["Content-Length: 0"]));
      assert.equal(params.tenantId, decodeURIComponent(first));
    }
    assert.equal((await ask("GET /admin/other")).status, 404);
    assert.equal((await ask("GET /%61dmin/host/status")).status, 200);
  });

  test("a method in lower case is the same method", async () => {
    assert.equal(jsonOf(await ask("get /show")).method, "GET");
    const posted = jsonOf(await ask("pOst /show", ["Content-Length: 4"], "four"));
    assert.deepEqual([posted.method, posted.body], ["POST", "four"]);
    assert.equal((await ask("delete /show")).status, 404);
    assert.equal((await ask("nothing /show")).status, 400);
  });

  test("request.url decodes once more than params", async () => {
    const dots = jsonOf(await ask("GET /rest/a/%252e%252e/b"));
    assert.equal(dots.params.path, "a/%2e%2e/b");
    assert.equal(dots.url, "http://keyhold.example/rest/b");
    assert.equal(jsonOf(await ask("GET /show/%61%20b%2Fc")).url, "http://keyhold.example/show/a%20b%2Fc");
  });
});

describe("heads of requests", () => {
  test("more than 100 headers or more than 32 KB of them are 431", async () => {
    const fill = (count: number, length: number) =>
      Array.from({ length: count }, (_, i) => `x-${i}: ${"v".repeat(length)}`);
    assert.equal((await ask("GET /show", fill(98, 1))).status, 200);
    assert.equal((await ask("GET /show", fill(99, 1))).status, 431);
    assert.equal((await ask("GET /both", fill(4, 8000))).status, 200);
    assert.equal((await ask("GET /both", fill(4, 8300))).status, 431);
    assert.equal((await ask("GET /both", fill(40, 8300))).status, 431);
  });

  test("a request line of more than 8 KB is 414", async () => {
    const line = (bytes: number) => `GET /both?${"q".repeat(bytes - "GET /both? HTTP/1.1\r\n".length)}`;
    assert.equal((await ask(line(8192))).status, 200);
    assert.equal((await ask(line(8193))).status, 414);
  });

  test("header values are UTF-8: a Latin-1 byte is 400", async () => {
    const latin1 = (value: string) => Buffer.from(value, "utf8").toString("latin1");
    assert.equal(jsonOf(await ask("GET /show", [`x-name: ${latin1("Zoë")}`])).headers["x-name"], "Zoë");
    assert.equal((await ask("GET /show", ["x-name: Zo\xeb"])).status, 400);
  });

  test("a value that the functions library refuses is a 500 that no hook of the app sees", async () => {
    await ask("GET /seen");
    const answer = await ask("GET /show", [`x-price: ${Buffer.from("5 €").toString("latin1")}`]);
    assert.deepEqual([answer.status, answer.body], [500, ""]);
    // The rest of the request before, and the beginning of this one.
    assert.deepEqual(jsonOf(await ask("GET /seen")), ["postInvocation", "preInvocation"]);
  });

  test("a control character is 400, a tab is not", async () => {
    for (const character of ["\x01", "\x00", "\x1f", "\x7f"]) {
      assert.equal((await ask("GET /show", [`x-a: b${character}c`])).status, 400);
    }
    assert.equal(jsonOf(await ask("GET /show", ["x-a: b\tc"])).headers["x-a"], "b\tc");
    assert.equal((await ask("GET /show", ["x a: b"])).status, 400);
  });

  test("a missing or empty Host is 500, two are 400", async () => {
    const status = async (hosts: string) =>
      (await sendRaw(host.ready.httpPort, `GET /show HTTP/1.1\r\nConnection: close\r\n${hosts}\r\n`)).status;
    assert.equal(await status(""), 500);
    assert.equal(await status("Host: \r\n"), 500);
    assert.equal(await status("Host: a\r\nHost: b\r\n"), 400);
    assert.equal(await status("Host: a\r\n"), 200);
  });

  test("an unknown expectation reaches the app", async () => {
    assert.equal(jsonOf(await ask("GET /show", ["Expect: bogus"])).headers.expect, "bogus");
  });

  test("headers that do not end in time are 408", async () => {
    const answer = await sendRaw(host.ready.httpPort, "GET /show HTTP/1.1\r\nHost: h\r\nx-a");
    assert.deepEqual([answer.status, answer.headers.get("connection")], [408, "close"]);
  });

  test("a request that is not HTTP is 400", async () => {
    assert.equal((await sendRaw(host.ready.httpPort, "nonsense\r\n\r\n")).status, 400);
  });
});

describe("answers", () => {
  test("bodies are chunked, empty ones have length 0, and all have Server and Date", async () => {
    const text = await ask("GET /both");
    assert.deepEqual(
      [text.headers.get("transfer-encoding"), text.headers.get("content-length")],
      ["chunked", undefined],
    );
    assert.equal(text.body, "4\r\ntext\r\n0\r\n\r\n");
    const empty = await ask("GET /empty");
    assert.deepEqual([empty.headers.get("transfer-encoding"), empty.headers.get("content-length")], [undefined, "0"]);
    for (const answer of [text, empty, await ask("GET /unknown"), await ask("GET /show", ["x a: b"])]) {
      assert.equal(answer.headers.get("server"), "Kestrel");
      assert.ok(Math.abs(Date.parse(answer.headers.get("date") ?? "") - Date.now()) < 60_000);
    }
  });

  test("a content-length set by the app is kept if it is right, and a 500 if it is wrong", async () => {
    const exact = await ask("GET /exact");
    assert.deepEqual([exact.headers.get("content-length"), exact.body], ["4", "four"]);
    const long = await ask("GET /long");
    assert.deepEqual([long.status, long.body], [500, ""]);
  });
});

test("the metadata of the trigger repeats headers, query, parameters and members of the body", async () => {
  const headers = ["Authorization: Bearer secret", "Content-Length: 30"];
  const all = jsonOf(await ask("POST /metadata/n1?q=1", headers, '{"client_id":"c","list":[1,2]}'));
  const { Headers: seen, Query: query, sys, ...members } = all;
  assert.deepEqual(members, {
    client_id: { string: "c" },
    list: { json: "[1,2]" },
    q: { string: "1" },
    name: { string: "n1" },
  });
  assert.equal(JSON.parse(seen.json).authorization, "Bearer secret");
  assert.deepEqual(JSON.parse(query.json), { q: "1" });
  assert.equal(JSON.parse(sys.json).MethodName, "metadata");
});
