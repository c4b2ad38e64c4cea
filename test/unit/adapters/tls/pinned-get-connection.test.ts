import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { connect, type LookupFunction, Socket } from "node:net";
import { describe, mock, test } from "node:test";
import { createPinnedFetch, type PinnedFetchOptions } from "../../../../src/adapters/tls/pinned-get.ts";
import type { TransportRefusal } from "../../../../src/domain/metadata/transport-refusal.ts";
import { entraHost, makeLeaf, makeRoot } from "../../../support/fixtures/tls-pki.ts";
import { answer, loopback, raw, repeat, startTcpServer, startTlsServer } from "../../../support/fixtures/tls-server.ts";

/** Connections that fail, that somebody tampers with, and what is left of them. */
const url = `https://${entraHost}/x`;
const root = await makeRoot("Pinned Root");
const leaf = await makeLeaf(root);
/** Milliseconds: for cases that end with the deadline, and for those that must not. */
const shortDeadlineMs = 700;
const deadlineMs = 10_000;
/** What networks say, and no refusal may repeat. */
const secret = "SECRET-BODY";

function pinned(port: number, more: Partial<PinnedFetchOptions> = {}) {
  const allowedHosts = new Set([entraHost]);
  return createPinnedFetch({ roots: [root.pem], allowedHosts, lookup: loopback, port, deadlineMs, ...more });
}

function deadlineFor({ reason }: TransportRefusal): Partial<PinnedFetchOptions> {
  return reason === "timed_out" ? { deadlineMs: shortDeadlineMs } : {};
}

const chunk64k = `10000\r\n${"x".repeat(65_536)}\r\n`;
const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

describe("without TLS there is no answer", () => {
  const cases: [what: string, connected: (socket: Socket) => void, refusal: TransportRefusal][] = [
    ["a server that accepts and says nothing", () => {}, { reason: "timed_out" }],
    ["a server that drips what is not TLS", (socket) => drip(socket), { reason: "tls_not_trusted", code: "EPROTO" }],
    [
      "a server that speaks HTTP",
      (socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${secret}`),
      { reason: "tls_not_trusted", code: "EPROTO" },
    ],
    ["a server that closes", (socket) => socket.end(), { reason: "not_reachable", code: "ECONNRESET" }],
    ["a server that resets", (socket) => socket.resetAndDestroy(), { reason: "not_reachable", code: "ECONNRESET" }],
  ];
  for (const [what, connected, refusal] of cases) {
    test(what, async () => {
      await using server = await startTcpServer(connected);
      assert.deepEqual(await pinned(server.port, deadlineFor(refusal))(url), { ok: false, refusal });
    });
  }

  test("no server listens", async () => {
    const server = await startTcpServer(() => {});
    await server[Symbol.asyncDispose]();
    const result = await pinned(server.port)(url);
    assert.deepEqual(result, { ok: false, refusal: { reason: "not_reachable", code: "ECONNREFUSED" } });
  });

  test("the name is unknown, and the text of the error is not reported", async () => {
    const lookup: LookupFunction = (name, _options, callback) =>
      callback(Object.assign(new Error(`${secret} ${name}`), { code: "ENOTFOUND" }), "", 0);
    const result = await pinned(1, { lookup })(url);
    assert.deepEqual(result, { ok: false, refusal: { reason: "not_reachable", code: "ENOTFOUND" } });
  });

  for (const code of [`${secret} x`, "x SECRET", undefined, 13]) {
    test(`a code that is text or missing is not passed on: ${code}`, async () => {
      const lookup: LookupFunction = (_name, _options, callback) =>
        callback(Object.assign(new Error("x"), { code }) as Error, "", 0);
      const result = await pinned(1, { lookup })(url);
      assert.deepEqual(result, { ok: false, refusal: { reason: "not_reachable", code: "UNKNOWN" } });
    });
  }

  const lost = [
    ...["ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"].map((code) => [code, "not_reachable"]),
    ["ERR_TLS_HANDSHAKE_TIMEOUT", "tls_not_trusted"],
  ] as const;
  for (const [code, reason] of lost) {
    test(`${code} in the handshake is ${reason}`, async () => {
      await using server = await startTcpServer(() => {});
      const { connect } = Socket.prototype;
      const connecting = mock.method(Socket.prototype, "connect", function losing(this: Socket, options: object) {
        this.once("connect", () => setImmediate(() => this.destroy(Object.assign(new Error(secret), { code }))));
        return Reflect.apply(connect, this, [options]);
      });
      const result = await pinned(server.port)(url);
      connecting.mock.restore();
      assert.deepEqual(result, { ok: false, refusal: { reason, code } });
    });
  }

  test("the name server does not answer", async () => {
    assert.deepEqual(await pinned(1, { lookup: () => {}, deadlineMs: shortDeadlineMs })(url), {
      ok: false,
      refusal: { reason: "timed_out" },
    });
  });
});

function drip(socket: Socket): void {
  const timer = setInterval(() => socket.write("x"), 50);
  socket.on("close", () => clearInterval(timer));
}

test("by default an exchange may take ten seconds", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const get = createPinnedFetch({ roots: [root.pem], allowedHosts: new Set([entraHost]), lookup: () => {} });
  let result: unknown;
  const exchange = get(url).then((ended) => {
    result = ended;
  });
  t.mock.timers.tick(9_999);
  await Promise.resolve();
  assert.equal(result, undefined);
  t.mock.timers.tick(1);
  await exchange;
  assert.deepEqual(result, { ok: false, refusal: { reason: "timed_out" } });
});

test("after its end it leaves neither a timer nor a listener of the caller's signal", async () => {
  await using server = await startTlsServer([leaf], answer("200 OK"));
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const { signal } = new AbortController();
  const before = timers();
  const exchange = pinned(server.port)(url, { signal });
  assert.deepEqual([timers(), getEventListeners(signal, "abort").length], [before + 1, 1]);
  assert.equal((await exchange).ok, true);
  assert.deepEqual([timers(), getEventListeners(signal, "abort").length], [before, 0]);
});

describe("the caller's signal ends it", () => {
  test("before it begins: there is no connection", async () => {
    await using server = await startTlsServer([leaf], () => {});
    const result = await pinned(server.port)(url, { signal: AbortSignal.abort() });
    assert.deepEqual(result, { ok: false, refusal: { reason: "cancelled" } });
    assert.equal(server.connections, 0);
  });

  test("during the request: the connection is closed", async () => {
    const controller = new AbortController();
    const closed = Promise.withResolvers<void>();
    await using server = await startTlsServer([leaf], (socket) => {
      socket.on("close", () => closed.resolve());
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nx");
      controller.abort();
    });
    const result = await pinned(server.port)(url, { signal: controller.signal });
    assert.deepEqual(result, { ok: false, refusal: { reason: "cancelled" } });
    await closed.promise;
  });
});

for (const [what, respond] of [
  ["one that never ends", repeat(chunked, chunk64k, 1)],
  [
    "one that goes on with another protocol",
    raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
  ],
] as const) {
  test(`a refused answer leaves no connection open: ${what}`, async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await startTlsServer([leaf], (socket, head) => {
      socket.on("close", () => closed.resolve());
      respond(socket, head);
    });
    assert.equal((await pinned(server.port)(url)).ok, false);
    await closed.promise;
  });
}

test("a byte that is changed in transit is reported as an attack, not as an answer", async () => {
  await using server = await startTlsServer([leaf], answer("200 OK", {}, secret));
  await using relay = await startTcpServer((client) => {
    let flights = 0;
    const upstream = connect(server.port, "127.0.0.1");
    client.on("data", (chunk: Buffer) => {
      flights++;
      upstream.write(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      // The first flight of the server is the handshake; the first record of a chunk begins with a head of 5 bytes.
      if (flights > 1) chunk.writeUInt8(0xff ^ chunk.readUInt8(20), 20);
      client.write(chunk);
    });
  });
  const result = await pinned(relay.port)(url);
  const code = "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC";
  assert.deepEqual(result, { ok: false, refusal: { reason: "tls_not_trusted", code } });
  assert.equal(server.requests.length, 1);
});
