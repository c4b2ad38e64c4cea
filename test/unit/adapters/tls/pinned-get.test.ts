import assert from "node:assert/strict";
import { Agent, get as plainGet } from "node:https";
import { Socket } from "node:net";
import { describe, mock, test } from "node:test";
import tls, { connect, TLSSocket } from "node:tls";
import { createPinnedFetch, type PinnedFetchOptions } from "../../../../src/adapters/tls/pinned-get.ts";
import type { TransportRefusal } from "../../../../src/domain/metadata/transport-refusal.ts";
import {
  entraHost,
  type Identity,
  make,
  makeIntermediate,
  makeLeaf,
  makeRoot,
} from "../../../support/fixtures/tls-pki.ts";
import { answer, loopback, startTcpServer, startTlsServer } from "../../../support/fixtures/tls-server.ts";

const url = `https://${entraHost}/common/discovery/v2.0/keys?appid=1`;
const root = await makeRoot("Pinned Root");
const otherRoot = await makeRoot("Other Root");
const namesakeRoot = await makeRoot("Pinned Root");
const intermediate = await makeIntermediate(root);
const expiredIntermediate = await makeIntermediate(root, { notAfter: -1 });
const leaf = await makeLeaf(root);
const leafOfIntermediate = await makeLeaf(intermediate);
const leafOfOther = await makeLeaf(otherRoot);
/** A perfect document, but for who serves it. */
const perfect = answer("200 OK", { etag: '"1"' }, "perfect");

const middlemen: [what: string, presented: Identity[], code: string][] = [
  ["of an unknown authority", [leafOfOther], "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ["of an unknown authority that it presents too", [leafOfOther, otherRoot], "SELF_SIGNED_CERT_IN_CHAIN"],
  [
    "of an authority with the name of the pinned one",
    [await makeLeaf(namesakeRoot)],
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  ],
  ["that signed its certificate itself", [await make({})], "DEPTH_ZERO_SELF_SIGNED_CERT"],
  ["for another host", [await makeLeaf(root, { hostName: "login.example.com" })], "ERR_TLS_CERT_ALTNAME_INVALID"],
  ["whose certificate has expired", [await makeLeaf(root, { notAfter: -1 })], "CERT_HAS_EXPIRED"],
  ["whose certificate is not valid yet", [await makeLeaf(root, { notBefore: 1 })], "CERT_NOT_YET_VALID"],
  ["whose intermediate is missing", [leafOfIntermediate], "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ["whose intermediate has expired", [await makeLeaf(expiredIntermediate), expiredIntermediate], "CERT_HAS_EXPIRED"],
  ["with a certificate for clients", [await makeLeaf(root, { isForClients: true })], "INVALID_PURPOSE"],
  ["that issued itself a certificate with its server's", [await makeLeaf(leaf), leaf], "UNSPECIFIED"],
];

function pinned(port: number, more: Partial<PinnedFetchOptions> = {}) {
  const allowedHosts = new Set([entraHost]);
  return createPinnedFetch({ roots: [root.pem], allowedHosts, lookup: loopback, port, deadlineMs: 3_000, ...more });
}

const fingerprints = (chain: readonly Identity[]) =>
  Promise.all(
    chain.map(async ({ certificate }) => {
      const hex = Buffer.from(await certificate.getThumbprint("SHA-256"))
        .toString("hex")
        .toUpperCase();
      return { subject: certificate.subject, fingerprint256: hex.match(/../g)?.join(":") };
    }),
  );

describe("a server that proves to be the host under a pinned root is accepted, and its chain is recorded", () => {
  const cases: [what: string, presented: Identity[], chain: Identity[]][] = [
    ["directly under the root", [leaf], [leaf, root]],
    [
      "under an intermediate that it presents",
      [leafOfIntermediate, intermediate],
      [leafOfIntermediate, intermediate, root],
    ],
    ["that presents the root too", [leafOfIntermediate, intermediate, root], [leafOfIntermediate, intermediate, root]],
    ["in another order", [leafOfIntermediate, root, intermediate], [leafOfIntermediate, intermediate, root]],
    ["beside a certificate that has nothing to do with it", [leaf, otherRoot], [leaf, root]],
  ];
  for (const [what, presented, chain] of cases) {
    test(what, async () => {
      await using server = await startTlsServer(presented, perfect);
      const result = await pinned(server.port)(url);
      assert.ok(result.ok, JSON.stringify(result));
      assert.deepEqual(result.value.chain, await fingerprints(chain));
    });
  }
});

describe("a man in the middle is refused before any request is sent", () => {
  for (const [what, presented, code] of middlemen) {
    test(what, async () => {
      await using server = await startTlsServer(presented, perfect);
      assert.deepEqual(await pinned(server.port)(url), { ok: false, refusal: { reason: "tls_not_trusted", code } });
      assert.equal(server.connections, 1);
      assert.deepEqual(server.requests, []);
    });
  }

  test("that was the real server until now", async () => {
    await using server = await startTlsServer([leaf], perfect);
    const get = pinned(server.port);
    assert.equal((await get(url)).ok, true);
    assert.equal((await get(url)).ok, true);
    server.present([leafOfOther]);
    assert.deepEqual(await get(url), {
      ok: false,
      refusal: { reason: "tls_not_trusted", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
    });
    assert.equal(server.requests.length, 2);
  });

  test("that supports only TLS 1.1, which a lenient client accepts", async () => {
    const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await using server = await startTlsServer([leaf], perfect, old);
    const lenient = connect({ port: server.port, host: "127.0.0.1", ca: root.pem, servername: entraHost, ...old });
    await new Promise((resolve, reject) => lenient.once("secureConnect", resolve).once("error", reject));
    assert.equal(lenient.getProtocol(), "TLSv1.1");
    lenient.destroy();
    assert.deepEqual(await pinned(server.port)(url), {
      ok: false,
      refusal: { reason: "tls_not_trusted", code: "EPROTO" },
    });
    assert.deepEqual(server.requests, []);
  });

  test("that requests a client certificate from us", async () => {
    await using server = await startTlsServer([leaf], perfect, { requestCert: true, rejectUnauthorized: true });
    const result = await pinned(server.port)(url);
    assert.equal(!result.ok && result.refusal.reason, "tls_not_trusted");
  });
});

describe("the properties of the connection are checked once more when the answer arrives", () => {
  const cases: [what: string, method: "isSessionReused" | "getPeerCertificate", returned: unknown][] = [
    ["a resumed session, in which the name of the host is not checked", "isSessionReused", true],
    ["a connection without a certificate", "getPeerCertificate", null],
    ["a certificate that cannot be read", "getPeerCertificate", { subject: { CN: entraHost }, raw: Buffer.alloc(9) }],
  ];
  for (const [what, method, returned] of cases) {
    test(what, async () => {
      await using server = await startTlsServer([leaf], perfect);
      // The first call of getPeerCertificate is Node's own.
      const original = TLSSocket.prototype.getPeerCertificate;
      let calls = 0;
      const pretended = mock.method(TLSSocket.prototype, method, function pretend(this: TLSSocket) {
        calls++;
        return method === "getPeerCertificate" && calls === 1 ? original.call(this, true) : returned;
      });
      const result = await pinned(server.port)(url);
      pretended.mock.restore();
      assert.deepEqual(result, { ok: false, refusal: { reason: "tls_not_trusted", code: "NOT_VERIFIED" } });
    });
  }

  test("a connection that Node allowed without trusting it", async () => {
    await using server = await startTlsServer([leaf], perfect);
    Object.defineProperty(TLSSocket.prototype, "authorized", { configurable: true, get: () => false, set() {} });
    const result = await pinned(server.port)(url);
    Reflect.deleteProperty(TLSSocket.prototype, "authorized");
    assert.deepEqual(result, { ok: false, refusal: { reason: "tls_not_trusted", code: "NOT_VERIFIED" } });
  });
});

test("no session is resumed: each request makes a full handshake, although Node's own agent resumes", async () => {
  await using server = await startTlsServer([leaf], perfect);
  const agent = new Agent({ ca: root.pem, lookup: loopback });
  const ask = () =>
    new Promise<void>((resolve, reject) => {
      const sent = plainGet({ agent, host: entraHost, port: server.port }, (response) =>
        response.resume().on("end", resolve),
      );
      sent.on("error", reject);
    });
  await ask();
  await ask();
  const get = pinned(server.port);
  for (let i = 0; i < 3; i++) assert.equal((await get(url)).ok, true);
  assert.deepEqual(server.resumed, [false, true, false, false, false]);
});

test("the server receives the host's name and the production request, without any secret", async () => {
  const names: string[] = [];
  await using server = await startTlsServer([leaf], perfect, {
    SNICallback(name, done) {
      names.push(name);
      done(null);
    },
  });
  await pinned(server.port)(url, { etag: 'W/"7"' });
  assert.deepEqual(names, [entraHost]);
  assert.deepEqual(
    server.requests.map((head) => head.toLowerCase().split("\r\n").filter(Boolean)),
    [
      [
        "get /common/discovery/v2.0/keys?appid=1 http/1.1",
        `host: ${entraHost}`,
        "accept: */*",
        "accept-encoding: identity",
        'if-none-match: w/"7"',
        "connection: close",
      ],
    ],
  );
});

test("the default port is that of https", async () => {
  const ports: unknown[] = [];
  const connecting = mock.method(
    Socket.prototype,
    "connect",
    function refuse(this: Socket, options: { port: unknown }) {
      ports.push(options.port);
      process.nextTick(() => this.destroy(Object.assign(new Error("refused"), { code: "ECONNREFUSED" })));
      return this;
    },
  );
  const get = createPinnedFetch({ roots: [root.pem], allowedHosts: new Set([entraHost]) });
  const result = await get(url);
  connecting.mock.restore();
  assert.deepEqual(result, { ok: false, refusal: { reason: "not_reachable", code: "ECONNREFUSED" } });
  assert.deepEqual(ports, [443]);
});

describe("the environment of the process makes no server trusted", () => {
  test("disabled verification", async (t) => {
    t.mock.method(process, "emitWarning", () => {});
    await using server = await startTlsServer([leafOfOther], perfect);
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    const result = await pinned(server.port)(url);
    Reflect.deleteProperty(process.env, "NODE_TLS_REJECT_UNAUTHORIZED");
    const refusal = { reason: "tls_not_trusted", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" };
    assert.deepEqual([result, server.requests], [{ ok: false, refusal }, []]);
  });

  test("TLS versions and ciphers that are no longer allowed", async () => {
    const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await using server = await startTlsServer([leaf], perfect, old);
    const { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS } = tls;
    Object.assign(tls, { DEFAULT_MIN_VERSION: "TLSv1", DEFAULT_CIPHERS: old.ciphers });
    const result = await pinned(server.port)(url);
    Object.assign(tls, { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS });
    assert.deepEqual([result.ok, server.requests], [false, []]);
  });
});

describe("a URL is refused without a connection", () => {
  const cases: [url: string, reason: TransportRefusal["reason"]][] = [
    ["", "url_not_allowed"],
    ["/common", "url_not_allowed"],
    [`http://${entraHost}/`, "url_not_allowed"],
    [`file://${entraHost}/etc/passwd`, "url_not_allowed"],
    [`https://${entraHost}:443/`, "url_not_allowed"],
    [`https://${entraHost}:8443/`, "url_not_allowed"],
    [`https://user@${entraHost}/`, "url_not_allowed"],
    [`https://user:password@${entraHost}/`, "url_not_allowed"],
    [`https://:password@${entraHost}/`, "url_not_allowed"],
    [`https://@${entraHost}/`, "url_not_allowed"],
    [`https://${entraHost}/#fragment`, "url_not_allowed"],
    [`https://${entraHost}/#`, "url_not_allowed"],
    [`https://${entraHost.toUpperCase()}/`, "url_not_allowed"],
    [`https:\\\\${entraHost}\\`, "url_not_allowed"],
    [` https://${entraHost}/`, "url_not_allowed"],
    [`https://${entraHost}/a/../b`, "url_not_allowed"],
    [`https://${entraHost}/a\r\nx: y`, "url_not_allowed"],
    [`https://${entraHost}./`, "host_not_allowed"],
    [`https://evil.${entraHost}/`, "host_not_allowed"],
    [`https://${entraHost}.example.com/`, "host_not_allowed"],
    ["https://login.microsoftonline.us/", "host_not_allowed"],
    ["https://127.0.0.1/", "host_not_allowed"],
    ["https://[::1]/", "host_not_allowed"],
    ["https://169.254.169.254/metadata/identity", "host_not_allowed"],
  ];
  for (const [refused, reason] of cases) {
    test(JSON.stringify(refused), async () => {
      await using server = await startTcpServer(() => {});
      assert.deepEqual(await pinned(server.port)(refused), { ok: false, refusal: { reason } });
      assert.equal(server.connections, 0);
    });
  }
});

describe("it cannot be created without a closed set", () => {
  const hosts = new Set([entraHost]);
  const cases: [what: string, options: PinnedFetchOptions, message: RegExp][] = [
    ["no root", { roots: [], allowedHosts: hosts }, /there is no certificate/],
    ["a root twice", { roots: [root.pem, root.pem], allowedHosts: hosts }, /block 2 is the same certificate/],
    ["an empty root", { roots: [""], allowedHosts: hosts }, /there is no certificate/],
    ["text for a root", { roots: ["garbage"], allowedHosts: hosts }, /text that is no certificate/],
    ["a broken root beside a good one", { roots: [root.pem, "garbage"], allowedHosts: hosts }, /after block 1/],
    ["an intermediate for a root", { roots: [intermediate.pem], allowedHosts: hosts }, /block 1 is not a root/],
    [
      "a server's certificate for a root",
      { roots: [leaf.pem], allowedHosts: hosts },
      /not the certificate of an authority/,
    ],
    ["undefined for the roots", { roots: undefined as unknown as string[], allowedHosts: hosts }, /undefined/],
    ["no host", { roots: [root.pem], allowedHosts: new Set() }, /no host/],
  ];
  for (const [what, options, message] of cases)
    test(what, () => assert.throws(() => createPinnedFetch(options), message));
});
