import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { createPinnedFetch, type PinnedFetchOptions } from "../../../../src/adapters/tls/pinned-get.ts";
import type { TransportRefusal } from "../../../../src/domain/metadata/transport-refusal.ts";
import { entraHost, makeLeaf, makeRoot } from "../../../support/fixtures/tls-pki.ts";
import { answer, loopback, type Respond, raw, repeat, startTlsServer } from "../../../support/fixtures/tls-server.ts";

/** A server that proves to be the host, and answers as no identity provider does. */
const url = `https://${entraHost}/x`;
const root = await makeRoot("Pinned Root");
const leaf = await makeLeaf(root);
const mebibyte = 1_048_576;
/** Milliseconds: for cases that end with the deadline, and for those that must not. */
const shortDeadlineMs = 700;
const deadlineMs = 10_000;
/** What answers and networks say, and no refusal may repeat. */
const secret = "SECRET-BODY";
const evil = "https://login.example.com/";

function pinned(port: number, more: Partial<PinnedFetchOptions> = {}) {
  const allowedHosts = new Set([entraHost]);
  return createPinnedFetch({ roots: [root.pem], allowedHosts, lookup: loopback, port, deadlineMs, ...more });
}

function deadlineFor({ reason }: TransportRefusal): Partial<PinnedFetchOptions> {
  return reason === "timed_out" ? { deadlineMs: shortDeadlineMs } : {};
}

const chunk64k = `10000\r\n${"x".repeat(65_536)}\r\n`;
const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const bomb = gzipSync(Buffer.alloc(50 * mebibyte));

describe("an answer is refused with its reason, without repeating any of it", { concurrency: 4 }, () => {
  const cases: [what: string, respond: Respond, refusal: TransportRefusal][] = [
    ...["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"].map(
      (status): [string, Respond, TransportRefusal] => [
        `a redirect, ${status}`,
        answer(status, { location: evil }, secret),
        { reason: "status_not_accepted", status: Number.parseInt(status, 10) },
      ],
    ),
    ["201", answer("201 Created", {}, secret), { reason: "status_not_accepted", status: 201 }],
    ["204", answer("204 No Content"), { reason: "status_not_accepted", status: 204 }],
    ["206", answer("206 Partial Content", {}, secret), { reason: "status_not_accepted", status: 206 }],
    ["404", answer("404 Not Found", {}, secret), { reason: "status_not_accepted", status: 404 }],
    ["429", answer("429 Too Many Requests", {}, secret), { reason: "status_not_accepted", status: 429 }],
    ["500", answer("500 Internal Server Error", {}, secret), { reason: "status_not_accepted", status: 500 }],
    [
      "304 where nothing was sent to compare",
      answer("304 Not Modified"),
      { reason: "status_not_accepted", status: 304 },
    ],
    [
      "101, to another protocol",
      raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"),
      { reason: "status_not_accepted", status: 101 },
    ],
    ["a gzip bomb", answer("200 OK", { "content-encoding": "gzip" }, bomb), { reason: "encoded" }],
    ["an encoding that is none", answer("200 OK", { "content-encoding": "identity" }, secret), { reason: "encoded" }],
    ["an encoding that is a lie", answer("200 OK", { "content-encoding": "gzip" }, secret), { reason: "encoded" }],
    ["an encoding without a name", answer("200 OK", { "content-encoding": "" }, secret), { reason: "encoded" }],
    [
      "a compressed transfer",
      raw("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
      { reason: "encoded" },
    ],
    [
      "a declared body that is too large",
      raw(`HTTP/1.1 200 OK\r\ncontent-length: ${mebibyte + 1}\r\n\r\n`),
      { reason: "too_large" },
    ],
    [
      "a declared body without end",
      raw("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n"),
      { reason: "malformed", code: "HPE_INVALID_CONTENT_LENGTH" },
    ],
    ["a chunked body without end", repeat(chunked, chunk64k.repeat(4), 1), { reason: "too_large" }],
    [
      "a chunked body, one byte too large",
      raw(`${chunked}100001\r\n${"x".repeat(mebibyte + 1)}\r\n0\r\n\r\n`),
      { reason: "too_large" },
    ],
    [
      "a body of one byte per 300 ms",
      repeat("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", "x", 300),
      { reason: "timed_out" },
    ],
    ["headers of one byte per 300 ms", repeat("HTTP/1.1 200 OK\r\nx: ", "x", 300), { reason: "timed_out" }],
    ["interim answers without end", repeat("", "HTTP/1.1 103 Early Hints\r\n\r\n", 5), { reason: "timed_out" }],
    ["headers that stall", raw("HTTP/1.1 200 OK\r\ncontent-"), { reason: "timed_out" }],
    ["a body that stalls", raw(`HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n${secret}`), { reason: "timed_out" }],
    ["no answer at all", () => {}, { reason: "timed_out" }],
    ["a hang-up instead of an answer", (socket) => socket.destroy(), { reason: "not_reachable", code: "ECONNRESET" }],
    [
      "a body that is cut off",
      (socket) => socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n${secret}`),
      { reason: "truncated" },
    ],
    ["a chunked body that is cut off", (socket) => socket.end(`${chunked}b\r\n${secret}\r\n`), { reason: "truncated" }],
    [
      "a body that ends with the connection",
      (socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${secret}`),
      { reason: "truncated" },
    ],
    [
      "an answer of HTTP/1.0 without a length",
      (socket) => socket.end(`HTTP/1.0 200 OK\r\n\r\n${secret}`),
      { reason: "truncated" },
    ],
    ["what is not HTTP", raw(`${secret}\r\n\r\n`), { reason: "malformed", code: "HPE_INVALID_CONSTANT" }],
    [
      "headers that are too large",
      raw(`HTTP/1.1 200 OK\r\nx: ${"x".repeat(20_000)}\r\n\r\n`),
      { reason: "malformed", code: "HPE_HEADER_OVERFLOW" },
    ],
    [
      "two lengths",
      raw("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"),
      { reason: "malformed", code: "HPE_UNEXPECTED_CONTENT_LENGTH" },
    ],
    [
      "a length and chunks",
      raw("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
      { reason: "malformed", code: "HPE_INVALID_TRANSFER_ENCODING" },
    ],
    [
      "a chunk without a size",
      raw(`${chunked}${secret}\r\n\r\n`),
      { reason: "malformed", code: "HPE_INVALID_CHUNK_SIZE" },
    ],
  ];
  for (const [what, respond, refusal] of cases) {
    test(what, async () => {
      await using server = await startTlsServer([leaf], respond);
      const startedMs = performance.now();
      const result = await pinned(server.port, deadlineFor(refusal))(url);
      assert.deepEqual(result, { ok: false, refusal });
      assert.ok(performance.now() - startedMs < 5_000);
      assert.equal(server.connections, 1, "no redirect and no second attempt");
      assert.ok(!JSON.stringify(result).includes(secret));
    });
  }
});

describe("an answer is accepted", () => {
  const cases: [what: string, respond: Respond, length: number][] = [
    ["of no byte", answer("200 OK"), 0],
    ["of exactly 1 MiB", answer("200 OK", {}, Buffer.alloc(mebibyte)), mebibyte],
    ["in chunks", raw(`${chunked}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`), 5],
    ["in chunks of exactly 1 MiB", raw(`${chunked}100000\r\n${"x".repeat(mebibyte)}\r\n0\r\n\r\n`), mebibyte],
    ["in chunks that are named in capitals", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n"), 0],
    ["after an interim one", raw("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"), 1],
  ];
  for (const [what, respond, length] of cases) {
    test(what, async () => {
      await using server = await startTlsServer([leaf], respond);
      const result = await pinned(server.port)(url);
      assert.ok(result.ok && result.value.status === 200, JSON.stringify(result));
      assert.equal(result.value.body.length, length);
    });
  }

  test("with its bytes, its entity-tag and its dates", async () => {
    const body = Buffer.from([0xef, 0xbb, 0xbf, 0x3c, 0x00, 0xff]);
    const dates = { "last-modified": "Fri, 20 Nov 2026 10:00:00 GMT", date: "Sat, 21 Nov 2026 10:00:00 GMT" };
    await using server = await startTlsServer([leaf], answer("200 OK", { etag: 'W/"a1"', ...dates }, body));
    const result = await pinned(server.port)(url);
    assert.ok(result.ok && result.value.status === 200);
    const { chain, ...rest } = result.value;
    assert.deepEqual(
      chain.map(({ subject }) => subject),
      [`CN=${entraHost}`, "CN=Pinned Root"],
    );
    assert.deepEqual(rest, {
      status: 200,
      body: new Uint8Array(body),
      etag: 'W/"a1"',
      lastModified: dates["last-modified"],
      date: dates.date,
    });
  });

  const genuineDate = "Sat, 21 Nov 2026 10:00:00 GMT";
  for (const headers of [
    { etag: "a1", "last-modified": "<script>", date: "2026-11-21" },
    { etag: 'x"a1"', "last-modified": `<b>${genuineDate}`, date: `x ${genuineDate}` },
    { etag: '"a1"x', "last-modified": `${genuineDate}<b>`, date: `${genuineDate} x` },
  ]) {
    test(`but without an invalid entity-tag or date: ${headers.etag}, ${headers.date}`, async () => {
      await using server = await startTlsServer([leaf], answer("200 OK", headers, "x"));
      const result = await pinned(server.port)(url);
      assert.ok(result.ok);
      assert.deepEqual(Object.keys(result.value).sort(), ["body", "chain", "status"]);
    });
  }

  test("as unchanged, if an entity-tag was sent", async () => {
    await using server = await startTlsServer([leaf], answer("304 Not Modified", { etag: '"2"' }));
    const result = await pinned(server.port)(url, { etag: '"2"' });
    assert.ok(result.ok);
    assert.deepEqual(Object.keys(result.value).sort(), ["chain", "status"]);
    assert.equal(result.value.status, 304);
    assert.match(server.requests[0] ?? "", /\r\nif-none-match: "2"\r\n/i);
  });

  for (const etag of ["", "a1", 'x"a1"', '"a\r\nx: y"', '"a"b"', '"ä"', "*", `"${"x".repeat(257)}"`]) {
    test(`never as unchanged for ${JSON.stringify(etag.slice(0, 12))}, which is not an entity-tag and is not sent`, async () => {
      await using server = await startTlsServer([leaf], answer("304 Not Modified"));
      const result = await pinned(server.port)(url, { etag });
      assert.deepEqual(result, { ok: false, refusal: { reason: "status_not_accepted", status: 304 } });
      assert.doesNotMatch(server.requests[0] ?? "", /if-none-match|x: y/i);
    });
  }
});
