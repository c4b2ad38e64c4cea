import assert from "node:assert/strict";
import { request } from "node:http";
import { after, test } from "node:test";
import { startConsole } from "../../../local/console/server.ts";
import { freePorts } from "../../../local/stack/ports.ts";

/** The console before any stack is up: who may talk to it, and what it answers. */
const { console: port } = await freePorts();
const localConsole = await startConsole(port);
after(() => localConsole.stop());

interface Answer {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  body: string;
}

/** `fetch` would not let the Host header be anything else. */
function ask(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const { method = "GET", headers = {}, body } = options;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const asked = request({ host: "127.0.0.1", port, path, method, headers }, (response) => {
    const status = response.statusCode ?? 0;
    if (response.headers["content-type"] === "text/event-stream") {
      response.once("data", (chunk: Buffer) => {
        resolve({ status, headers: response.headers, body: chunk.toString() });
        response.destroy();
      });
      return;
    }
    response.toArray().then((chunks: Buffer[]) => {
      resolve({ status, headers: response.headers, body: Buffer.concat(chunks).toString() });
    }, reject);
  });
  asked.once("error", reject);
  asked.end(body);
  return promise;
}

const own = `http://localhost:${port}`;
const post = {
  method: "POST",
  headers: { host: `localhost:${port}`, origin: own, "content-type": "application/json" },
  body: "{}",
};

test("the page is available before the stack, with a content security policy that allows nothing foreign and nothing inline", async () => {
  const { status, headers, body } = await ask("/");
  assert.equal(status, 200);
  const policy = String(headers["content-security-policy"]);
  for (const directive of [
    ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:"],
    ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"],
  ]) {
    assert.ok(policy.split("; ").includes(directive), directive);
  }
  assert.doesNotMatch(policy, /unsafe|\*/);
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.doesNotMatch(
    body,
    /<style|style=|<script(?![^>]*src="\/app\.js")|\son[a-z]+=|https?:\/\/(?!www\.w3\.org|127\.0\.0\.1)/,
  );
  for (const path of ["/app.js", "/style.css"]) assert.equal((await ask(path)).status, 200);
});

test("an asset that the browser already has is not sent again", async () => {
  const { headers } = await ask("/app.js");
  const again = await ask("/app.js", { headers: { "if-none-match": String(headers.etag) } });
  assert.deepEqual([again.status, again.body], [304, ""]);
});

test("it reports the progress of the start", async () => {
  localConsole.progress("certificates");
  const { status, body } = await ask("/events");
  assert.equal(status, 200);
  assert.match(body, /"phase":"starting","steps":\[\{"what":"certificates"\}\]/);
});

for (const host of [
  "attacker.example",
  `attacker.example:${port}`,
  "localhost",
  `localhost:${port + 1}`,
  `localhost:${port}.attacker.example`,
]) {
  test(`a request for the host ${host.replace(String(port), "PORT")} is refused, because its owner may resolve any name to this machine`, async () => {
    for (const path of ["/", "/events", "/app.js"]) assert.equal((await ask(path, { headers: { host } })).status, 403);
    assert.equal((await ask("/actions/ask-token", { ...post, headers: { ...post.headers, host } })).status, 403);
  });
}

for (const [name, headers, status] of [
  ["of another origin", { origin: "http://attacker.example" }, 403],
  ["of another port of this machine", { origin: "http://localhost:1" }, 403],
  ["of a sandboxed page", { origin: "null" }, 403],
  ["that is a form's", { "content-type": "application/x-www-form-urlencoded" }, 415],
  ["that is text", { "content-type": "text/plain" }, 415],
] as const) {
  test(`an action ${name} is refused`, async () => {
    assert.equal(
      (await ask("/actions/ask-token", { ...post, headers: { ...post.headers, ...headers } })).status,
      status,
    );
  });
}

test("an action without an origin is refused", async () => {
  const { origin: _, ...headers } = post.headers;
  assert.equal((await ask("/actions/ask-token", { ...post, headers })).status, 403);
});

test("another site may not read the stream, but may link to the page", async () => {
  const headers = { "sec-fetch-site": "cross-site" };
  assert.equal((await ask("/events", { headers })).status, 403);
  assert.equal((await ask("/", { headers })).status, 200);
});

test("an action before the stack is up is reported as such, and an unknown action is not found", async () => {
  assert.equal((await ask("/actions/ask-token", post)).status, 503);
  for (const name of ["nothing", "constructor", "__proto__", "../events"]) {
    assert.equal((await ask(`/actions/${name}`, post)).status, 404);
  }
});

test("anything but GET and POST is refused", async () => {
  for (const method of ["PUT", "DELETE", "OPTIONS"]) assert.equal((await ask("/", { method })).status, 405);
});

test("a stack that does not start reports the reason", async () => {
  localConsole.fail("port 1 is taken");
  assert.match((await ask("/events")).body, /"phase":"failed".*port 1 is taken/);
});
