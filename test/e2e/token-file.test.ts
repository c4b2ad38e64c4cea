/** clients/token-file/keyhold-token-file as a separate process, against an identity endpoint that may be hostile. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  answerWith,
  type IdentityEndpoint,
  ownToken,
  startIdentityEndpoint,
} from "../support/fixtures/identity-endpoint.ts";
import { skipWithout } from "../support/requirements.ts";

const script = fileURLToPath(new URL("../../clients/token-file/keyhold-token-file", import.meta.url));
const skip = skipWithout(["curl", "flock"], "Install them with: apt-get install -y curl util-linux.");
const audience = "20000000-0000-4000-8000-000000000001";
const identityClientId = "50000000-0000-4000-8000-000000000011";
const now = () => Math.floor(Date.now() / 1000);
/** A token that was issued this many seconds ago and lives for a day. */
const tokenOfAge = (seconds: number, claims: Record<string, unknown> = {}) =>
  ownToken({ aud: audience, iat: now() - seconds, exp: now() - seconds + 86_400, ...claims });

describe("keyhold-token-file", { skip, concurrency: true }, () => {
  if (skip) return;
  const root = mkdtempSync(join(tmpdir(), "keyhold-token-file-"));
  after(() => rmSync(root, { recursive: true }));

  /** A folder, an endpoint, and a run of the script on both, as in App Service unless told otherwise. */
  async function workload() {
    const folder = mkdtempSync(join(root, "w-"));
    const target = join(folder, "token");
    const endpoint = await startIdentityEndpoint();
    const appService = { IDENTITY_ENDPOINT: `${endpoint.origin}/msi/token`, IDENTITY_HEADER: "header-of-the-platform" };
    const settings = { audience, target, "identity-client-id": identityClientId };
    const run = (changes: Record<string, string> = {}, environment: Record<string, string> = appService) =>
      runScript({ ...settings, ...changes }, environment);
    return { folder, target, endpoint, run, appService };
  }

  function runScript(settings: Record<string, string>, environment: Record<string, string>) {
    const parameters = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const env = { PATH: process.env.PATH ?? "", ...environment };
    return new Promise<{ code: number; log: string; output: string }>((resolve) => {
      const child = execFile("/bin/sh", [script, ...parameters], { env, timeout: 40_000 }, (_error, output, log) =>
        resolve({ code: child.exitCode ?? -1, log, output }),
      );
    });
  }

  const modeOf = (path: string) => (lstatSync(path).mode & 0o7777).toString(8);

  test("a first run in App Service writes the token, readable for its user alone, and no copy of it anywhere else", async () => {
    const { target, folder, endpoint, run } = await workload();
    const token = tokenOfAge(0);
    endpoint.answer = answerWith(token);
    const { code, log, output } = await run();
    assert.equal(code, 0, log);
    assert.equal(readFileSync(target, "utf8"), token);
    assert.equal(modeOf(target), "600");
    assert.match(log, /^keyhold-token-file: written: expires in \d+ s\n$/);
    assert.equal(output, "");
    assert.deepEqual(readdirSync(folder).sort(), [".token.lock", "token"]);
    const [request] = endpoint.requests;
    assert.equal(request?.identityHeader, "header-of-the-platform");
    assert.equal(
      `${request.url.pathname}${request.url.search}`,
      `/msi/token?api-version=2019-08-01&resource=${audience}&client_id=${identityClientId}`,
    );
  });

  test("on a virtual machine it asks the instance metadata service", async () => {
    const { target, endpoint, run } = await workload();
    const token = tokenOfAge(0);
    endpoint.answer = answerWith(token);
    const { code, log } = await run({}, { AZURE_POD_IDENTITY_AUTHORITY_HOST: `${endpoint.origin}/` });
    assert.equal(code, 0, log);
    assert.equal(readFileSync(target, "utf8"), token);
    const [request] = endpoint.requests;
    assert.deepEqual([request?.metadata, request?.identityHeader], ["true", undefined]);
    assert.equal(
      `${request?.url.pathname}${request?.url.search}`,
      `/metadata/identity/oauth2/token?api-version=2018-02-01&resource=${audience}&client_id=${identityClientId}`,
    );
  });

  test("a configuration file provides the settings, and an unknown one is an error with its line", async () => {
    const { target, folder, endpoint, appService } = await workload();
    endpoint.answer = answerWith(tokenOfAge(0));
    const config = join(folder, "settings.conf");
    writeFileSync(config, `# comment\n audience = ${audience.toUpperCase()}\ntarget=${target}\n`);
    assert.equal((await runScript({ config }, appService)).code, 0);
    assert.equal(endpoint.requests[0]?.url.searchParams.has("client_id"), false);
    writeFileSync(config, `audience = ${audience}\nresource = x\n`);
    const { code, log } = await runScript({ config }, appService);
    assert.deepEqual([code, /settings\.conf line 2: unknown setting resource/.test(log)], [2, true], log);
  });

  test("nothing is requested in the first half of the token's life, and a new token replaces it in the second", async () => {
    const { target, endpoint, run } = await workload();
    writeFileSync(target, tokenOfAge(43_000), { mode: 0o644 });
    const first = await run();
    assert.deepEqual([first.code, endpoint.requests.length], [0, 0], first.log);
    assert.match(first.log, /current: expires in/);
    assert.equal(modeOf(target), "600");
    writeFileSync(target, tokenOfAge(43_300));
    const renewed = tokenOfAge(0);
    endpoint.answer = answerWith(renewed);
    const inode = lstatSync(target).ino;
    const second = await run();
    assert.equal(second.code, 0, second.log);
    assert.equal(readFileSync(target, "utf8"), renewed);
    assert.notEqual(lstatSync(target).ino, inode, "replaced, not written in place");
  });

  test("a token for another audience in the file is renewed at once", async () => {
    const { target, endpoint, run } = await workload();
    writeFileSync(target, tokenOfAge(0, { aud: "20000000-0000-4000-8000-000000000002" }));
    const token = tokenOfAge(0);
    endpoint.answer = answerWith(token);
    assert.equal((await run()).code, 0);
    assert.equal(readFileSync(target, "utf8"), token);
  });

  test("the same token again, which the platform keeps for most of its life, leaves the file unchanged", async () => {
    const { target, endpoint, run } = await workload();
    const token = tokenOfAge(50_000);
    writeFileSync(target, token);
    const { ino } = lstatSync(target);
    endpoint.answer = answerWith(token);
    const { code, log } = await run();
    assert.deepEqual([code, lstatSync(target).ino], [0, ino], log);
    assert.match(log, /unchanged/);
  });

  const secret = "eyJzZWNyZXQ";
  const wrong: Record<string, [answer: () => IdentityEndpoint["answer"], code: number, reason: RegExp]> = {
    "a refusal": [
      () => (response) => response.writeHead(400).end(`{"error":"${secret}"}`),
      3,
      /no token: HTTP status 400/,
    ],
    "a fault": [() => (response) => response.writeHead(500).end(secret), 3, /no token: HTTP status 500/],
    "a redirect": [
      () => (response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
      3,
      /no token: HTTP status 302/,
    ],
    "a connection that is dropped": [() => (response) => response.socket?.destroy(), 3, /no token: curl 52/],
    "an answer cut short on the way": [
      () => (response) => {
        const body = JSON.stringify({ access_token: tokenOfAge(0) });
        response.writeHead(200, { "content-length": body.length }).write(body.slice(0, -40));
        setTimeout(() => response.socket?.destroy(), 50);
      },
      4,
      /refused: the answer was cut short/,
    ],
    "an answer that is half of one": [
      () => (response) => response.writeHead(200).end(JSON.stringify({ access_token: tokenOfAge(0) }).slice(0, -40)),
      4,
      /refused: the answer holds no token/,
    ],
    "a token without its signature": [
      () => answerWith(tokenOfAge(0).replace(/[^.]*$/, "")),
      4,
      /refused: the answer holds no token that can be read/,
    ],
    "a token whose claims are no JSON": [
      () => answerWith(`${secret}.${Buffer.from("{truncated").toString("base64url")}.c2ln`),
      4,
      /refused: the answer holds no token that can be read/,
    ],
    "two tokens": [
      () => (response) => response.end(`{"access_token":"${tokenOfAge(0)}","x":{"access_token":"${tokenOfAge(0)}"}}`),
      4,
      /refused: the answer holds no token/,
    ],
    "an answer without a token": [
      () => answerWith("", { access_token: undefined }),
      4,
      /refused: the answer holds no token/,
    ],
    "a web page": [() => (response) => response.end(`<html>${secret}</html>`), 4, /refused: the answer holds no token/],
    "an answer of a megabyte": [
      () => answerWith(tokenOfAge(0), { padding: "x".repeat(1_000_000) }),
      4,
      /refused: the answer is larger than 65536 bytes/,
    ],
    "a token for another audience": [
      () => answerWith(tokenOfAge(0, { aud: "https://management.azure.com/" })),
      4,
      /refused: the token is for another audience/,
    ],
    "a token that has expired": [() => answerWith(tokenOfAge(86_400)), 4, /refused: the token has expired/],
  };
  for (const [name, [answer, code, reason]] of Object.entries(wrong)) {
    test(`${name} leaves the old token in place, and the exit status and the log line report it`, async () => {
      const { target, folder, endpoint, run } = await workload();
      const old = tokenOfAge(50_000);
      writeFileSync(target, old);
      endpoint.answer = answer();
      const kept = await run();
      assert.equal(kept.code, code, kept.log);
      assert.match(kept.log, reason);
      assert.match(kept.log, /kept, its token expires in \d+ s\n$/);
      assert.equal(readFileSync(target, "utf8"), old);
      assert.deepEqual(readdirSync(folder).sort(), [".token.lock", "token"]);
      assert.doesNotMatch(kept.log + kept.output, /eyJ/);
      writeFileSync(target, tokenOfAge(90_000));
      const worse = await run();
      assert.deepEqual([worse.code, /holds no usable token/.test(worse.log)], [5, true], worse.log);
    });
  }

  test("a request to an endpoint that hangs is abandoned after 20 s, and another run meanwhile does not wait for it", async () => {
    const { target, endpoint, run } = await workload();
    endpoint.answer = () => undefined;
    const started = Date.now();
    const hanging = run();
    while (endpoint.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal((await run()).code, 6);
    const { code, log } = await hanging;
    assert.deepEqual([code, /no token: timeout/.test(log)], [5, true], log);
    assert.ok(Date.now() - started < 25_000);
    assert.equal(existsSync(target), false);
  });

  test("a symbolic link at the target is refused, and its own target stays untouched", async () => {
    const { target, folder, endpoint, run } = await workload();
    const elsewhere = join(folder, "elsewhere");
    writeFileSync(elsewhere, "somebody's file");
    symlinkSync(elsewhere, target);
    const { code, log } = await run();
    assert.deepEqual([code, /is a symbolic link/.test(log)], [1, true], log);
    assert.equal(readFileSync(elsewhere, "utf8"), "somebody's file");
    assert.equal(endpoint.requests.length, 0);
  });

  for (const [mode, where] of [
    [0o777, "target's folder"],
    [0o1777, "target's folder"],
    [0o770, "target's folder"],
    [0o777, "folder above it"],
    [0o2775, "folder above it"],
  ] as const) {
    test(`a ${where} with mode ${mode.toString(8)} is refused before any request`, async () => {
      const { folder, endpoint, run } = await workload();
      const inner = join(folder, "inner");
      mkdirSync(inner, { mode: 0o700 });
      chmodSync(where === "folder above it" ? folder : inner, mode);
      const { code, log } = await run({ target: join(inner, "token") });
      assert.deepEqual([code, /can be written by others/.test(log)], [1, true], log);
      assert.equal(endpoint.requests.length, 0);
    });
  }

  test("a folder of another user is refused", {
    skip: process.getuid?.() !== 0 && "only root can make one",
  }, async () => {
    const { folder, run } = await workload();
    const { chownSync } = await import("node:fs");
    chownSync(folder, 65_534, 65_534);
    const { code, log } = await run();
    assert.deepEqual([code, /belongs to somebody else/.test(log)], [1, true], log);
  });

  const misuses: [string, Record<string, string>, Record<string, string>, RegExp][] = [
    ["an audience that is no GUID", { audience: "api://keyhold" }, {}, /audience must be/],
    ["a relative target", { target: "token" }, {}, /absolute path/],
    ["an unknown setting", { resource: audience }, {}, /unknown setting resource/],
    ["an identity header with a line break", {}, { IDENTITY_HEADER: 'x\n"url = evil' }, /IDENTITY_HEADER/],
    ["an endpoint without its header", {}, { IDENTITY_HEADER: "" }, /IDENTITY_HEADER is not/],
    ["an endpoint that is no web address", {}, { IDENTITY_ENDPOINT: "file:///etc/passwd" }, /must be a URL/],
  ];
  for (const [name, settings, environment, expected] of misuses) {
    test(`${name} exits with 2 before any request`, async () => {
      const { endpoint, run, appService } = await workload();
      const { code, log } = await run(settings, { ...appService, ...environment });
      assert.equal(code, 2, log);
      assert.match(log, expected);
      assert.equal(endpoint.requests.length, 0);
    });
  }

  test("with --watch it keeps running, and ends at once on SIGTERM", async () => {
    const { target, endpoint, appService } = await workload();
    const token = tokenOfAge(0);
    endpoint.answer = answerWith(token);
    const args = [script, "--watch", "yes", "--audience", audience, "--target", target];
    const child = spawn("/bin/sh", args, { env: { PATH: process.env.PATH ?? "", ...appService }, stdio: "ignore" });
    while (!existsSync(target)) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(readFileSync(target, "utf8"), token);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(child.exitCode, null);
    const told = Date.now();
    child.kill("SIGTERM");
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
    assert.ok(Date.now() - told < 2_000);
  });
});
