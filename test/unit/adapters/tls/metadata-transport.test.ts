/**
 * The transport as the app creates it, over TLS with the production names: which roots, which host, what is retried.
 * Connections to the names of the clouds go to this machine.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { createMetadataTransport } from "../../../../src/adapters/tls/metadata-transport.ts";
import { TrustedRootsError } from "../../../../src/adapters/tls/trusted-roots.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { refuse } from "../../../../src/domain/shared/result.ts";
import { entraHost, makeLeaf, makeRoot } from "../../../support/fixtures/tls-pki.ts";
import { answer, type Respond, raw, startTlsServer } from "../../../support/fixtures/tls-server.ts";

const nowMs = Date.now();
const url = `https://${entraHost}/common/discovery/v2.0/keys`;
const folder = await mkdtemp(join(tmpdir(), "metadata-transport-"));
const rootsFile = join(folder, "roots.pem");
const root = await makeRoot("The operator's");
await writeFile(rootsFile, root.pem);

/** What the server answers, one after the other, and then the genuine document. */
let answers: Respond[] = [];
const genuine = answer("200 OK", { etag: '"1"' }, "genuine");
const respond: Respond = (socket, head) => (answers.shift() ?? genuine)(socket, head);
const server = await startTlsServer([await makeLeaf(root)], respond);
const hosts = Object.values(clouds).map(({ authorityHost }) => [authorityHost, server.port]);
process.env.LOCAL_ROUTES = JSON.stringify(Object.fromEntries(hosts));
await import("../../../../local/stack/network/redirect.ts");

after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  answers = [];
  server.requests.length = 0;
  server.connections = 0;
});

const transport = createMetadataTransport(clouds.public, rootsFile, nowMs);
const hangUp: Respond = (socket: TLSSocket) => socket.destroy();
const cutOff: Respond = (socket: TLSSocket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nx");

test("a document is fetched under the operator's roots, once", async () => {
  const result = await transport.get(url);
  assert.ok(result.ok && result.value.status === 200, JSON.stringify(result));
  assert.deepEqual([Buffer.from(result.value.body).toString(), result.value.etag], ["genuine", '"1"']);
  assert.equal(server.connections, 1);
  assert.doesNotMatch(server.requests.join(), /if-none-match/i);
});

test("a document that has not changed is not sent again", async () => {
  answers = [answer("304 Not Modified")];
  const result = await transport.get(url, '"1"');
  assert.equal(result.ok && result.value.status, 304);
  assert.match(server.requests.join(), /\r\nif-none-match: "1"\r\n/i);
});

test("only the host of the cloud is asked, no other host of Microsoft's and none of another cloud", async () => {
  for (const host of ["graph.microsoft.com", clouds.usgovernment.authorityHost]) {
    const refusal = { reason: "host_not_allowed" };
    assert.deepEqual(await transport.get(`https://${host}/`), { ok: false, refusal });
  }
  assert.equal(server.connections, 0);
});

test("with Keyhold's own roots, a server under another root is refused, and not asked a second time", async () => {
  const result = await createMetadataTransport(clouds.public, undefined, nowMs).get(url);
  const refusal = { reason: "tls_not_trusted", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" };
  assert.deepEqual(result, { ok: false, refusal });
  assert.deepEqual([server.connections, server.requests], [1, []]);
});

describe("a temporary fault", () => {
  const faults: [what: string, respond: Respond, reason: string][] = [
    ...[408, 429, 500, 502, 503, 504].map((status): [string, Respond, string] => [
      `the status ${status}`,
      answer(`${status} Fault`),
      "status_not_accepted",
    ]),
    ["a hang-up", hangUp, "not_reachable"],
    ["a body that is cut off", cutOff, "truncated"],
  ];
  for (const [what, fault, reason] of faults) {
    test(`is retried once, and not a third time: ${what}`, async () => {
      answers = [fault];
      assert.equal((await transport.get(url)).ok, true);
      assert.equal(server.connections, 2);
      answers = [fault, fault];
      const result = await transport.get(url);
      assert.equal(!result.ok && result.refusal.reason, reason);
      assert.equal(server.connections, 4);
    });
  }
});

describe("an answer that a retry would not change is requested once", () => {
  const cases: [what: string, respond: Respond, reason: string][] = [
    ...["302 Found", "404 Not Found", "501 Not Implemented"].map((status): [string, Respond, string] => [
      status,
      answer(status, { location: url }),
      "status_not_accepted",
    ]),
    ["what is not HTTP", raw("SSH-2.0-x\r\n\r\n"), "malformed"],
    ["a compressed body", answer("200 OK", { "content-encoding": "gzip" }), "encoded"],
    ["a body that is too large", answer("200 OK", { "content-length": "99999999" }), "too_large"],
  ];
  for (const [what, bad, reason] of cases) {
    test(what, async () => {
      answers = [bad];
      const result = await transport.get(url);
      assert.equal(!result.ok && result.refusal.reason, reason);
      assert.equal(server.connections, 1);
    });
  }
});

const laterMs = Date.UTC(2100, 0, 1);

test("once all of Keyhold's own roots have expired, each document is refused, and no server is asked", async () => {
  const result = await createMetadataTransport(clouds.public, undefined, laterMs).get(url);
  assert.deepEqual(result, refuse({ reason: "tls_not_trusted", code: "NO_TRUSTED_ROOTS" }));
  assert.equal(server.connections, 0);
});

describe("it is not created", () => {
  const unusable = (problem: RegExp) => (error: unknown) => {
    assert.ok(error instanceof TrustedRootsError);
    assert.deepEqual(error.problems.length, 1);
    assert.match(error.problems[0] ?? "", problem);
    return true;
  };

  test("without the operator's file, which the error names by its setting and not by its path", () => {
    const missing = join(folder, "missing.pem");
    const make = () => createMetadataTransport(clouds.public, missing, nowMs);
    assert.throws(make, unusable(/^the file that KEYHOLD_METADATA_ROOTS_FILE names cannot be read$/));
  });

  test("with a file without roots", async () => {
    const empty = join(folder, "empty.pem");
    await writeFile(empty, "");
    const make = () => createMetadataTransport(clouds.public, empty, nowMs);
    assert.throws(make, unusable(/^there is no certificate$/));
  });

  test("once the operator's root has expired", () => {
    assert.throws(() => createMetadataTransport(clouds.public, rootsFile, laterMs), unusable(/^block 1 has expired$/));
  });
});
