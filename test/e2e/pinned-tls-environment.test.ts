import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { entraHost, makeLeaf, makeRoot } from "../support/fixtures/tls-pki.ts";
import type { ProbeInput, ProbeOutput } from "../support/fixtures/tls-probe.ts";
import { answer, raw, startTcpServer, startTlsServer } from "../support/fixtures/tls-server.ts";

/**
 * Whatever the environment of the process says, the roots stay the pinned ones. Each case shows with Node's own client
 * that the environment does soften TLS: it reaches the attacker's server, and ours does not.
 */
const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const url = `https://${entraHost}/x`;
const root = await makeRoot("Pinned Root");
const attackerRoot = await makeRoot("Attacker's Root");
const leaf = await makeLeaf(root);
const attackerLeaf = await makeLeaf(attackerRoot);
const perfect = answer("200 OK", {}, "perfect");

const folder = await mkdtemp(join(tmpdir(), "keyhold-tls-"));
after(() => rm(folder, { recursive: true }));
const attackerFile = join(folder, "attacker.pem");
const rootFile = join(folder, "root.pem");
await writeFile(attackerFile, attackerRoot.pem);
await writeFile(rootFile, root.pem);

interface Surroundings {
  env?: Record<string, string>;
  arguments?: string[];
  defaultRoots?: string[];
}

async function probe(input: ProbeInput, surroundings: Surroundings): Promise<ProbeOutput> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...(surroundings.arguments ?? []), file("../support/fixtures/tls-probe.ts"), JSON.stringify(input)],
    { env: { PATH: process.env.PATH, NODE_NO_WARNINGS: "1", ...surroundings.env }, timeout: 30_000 },
  );
  return JSON.parse(stdout) as ProbeOutput;
}

const softening: [what: string, surroundings: Surroundings][] = [
  ["NODE_EXTRA_CA_CERTS", { env: { NODE_EXTRA_CA_CERTS: attackerFile } }],
  ["NODE_TLS_REJECT_UNAUTHORIZED=0", { env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" } }],
  ["tls.setDefaultCACertificates", { defaultRoots: [attackerRoot.pem] }],
  ["NODE_USE_SYSTEM_CA with SSL_CERT_FILE", { env: { NODE_USE_SYSTEM_CA: "1", SSL_CERT_FILE: attackerFile } }],
  ["--use-openssl-ca with SSL_CERT_FILE", { arguments: ["--use-openssl-ca"], env: { SSL_CERT_FILE: attackerFile } }],
];

describe("an attacker's server is refused, even if the process trusts it", { concurrency: 2 }, () => {
  for (const [what, surroundings] of softening) {
    test(`by ${what}`, async () => {
      await using server = await startTlsServer([attackerLeaf, attackerRoot], perfect);
      const { defaultRoots } = surroundings;
      const input = { url, roots: [root.pem], port: server.port, ...(defaultRoots ? { defaultRoots } : {}) };
      const { pinned, unpinned } = await probe(input, surroundings);
      assert.equal(unpinned, "200", "the environment has its effect");
      assert.match(pinned, /^tls_not_trusted (SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE)$/);
      assert.equal(server.requests.length, 1, "only the other client asked");
    });

    test(`the real server is still accepted under ${what}`, async () => {
      await using server = await startTlsServer([leaf], perfect);
      const { defaultRoots } = surroundings;
      const input = { url, roots: [root.pem], port: server.port, ...(defaultRoots ? { defaultRoots } : {}) };
      assert.equal((await probe(input, surroundings)).pinned, "200");
    });
  }

  test("with a lower minimum TLS version for the process", async () => {
    const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await using server = await startTlsServer([leaf], perfect, old);
    const { pinned, unpinned } = await probe(
      { url, roots: [root.pem], port: server.port },
      {
        arguments: ["--tls-min-v1.0", "--tls-cipher-list=DEFAULT@SECLEVEL=0"],
        env: { NODE_EXTRA_CA_CERTS: rootFile },
      },
    );
    assert.equal(unpinned, "200", "the environment has its effect");
    assert.match(pinned, /^tls_not_trusted /);
  });
});

describe("answers that the process is configured to tolerate are refused", () => {
  const cases: [what: string, option: string, text: string, code: string][] = [
    [
      "a length and chunks under --insecure-http-parser",
      "--insecure-http-parser",
      "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      "HPE_INVALID_TRANSFER_ENCODING",
    ],
    [
      "large headers under --max-http-header-size",
      "--max-http-header-size=100000",
      `HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: ${"x".repeat(20_000)}\r\n\r\n`,
      "HPE_HEADER_OVERFLOW",
    ],
  ];
  for (const [what, option, text, code] of cases) {
    test(what, async () => {
      await using server = await startTlsServer([leaf], raw(text));
      const { pinned, unpinned } = await probe(
        { url, roots: [root.pem], port: server.port },
        { arguments: [option], env: { NODE_EXTRA_CA_CERTS: rootFile } },
      );
      assert.equal(unpinned, "200", "the environment has its effect");
      assert.equal(pinned, `malformed ${code}`);
    });
  }
});

test("HTTPS_PROXY with NODE_USE_ENV_PROXY: the proxy is never contacted, Node's own client asks it", async () => {
  await using proxy = await startTcpServer((socket) => socket.once("data", () => socket.destroy()));
  await using server = await startTlsServer([leaf], perfect);
  const address = `http://127.0.0.1:${proxy.port}`;
  const { pinned, unpinned } = await probe(
    { url, roots: [root.pem], port: server.port },
    { env: { NODE_USE_ENV_PROXY: "1", HTTPS_PROXY: address, HTTP_PROXY: address, NODE_EXTRA_CA_CERTS: rootFile } },
  );
  assert.equal(pinned, "200");
  assert.notEqual(unpinned, "200");
  assert.equal(server.requests.length, 1);
  assert.equal(proxy.connections, 1, "by the other client");
  assert.match(proxy.requests[0] ?? "", /^CONNECT /);
});

describe("the local stack's redirection of production names works, and weakens no check", () => {
  const redirect = (port: number): Surroundings => ({
    arguments: ["--import", file("../../local/stack/network/redirect.ts")],
    env: { LOCAL_ROUTES: JSON.stringify({ [entraHost]: port }), NODE_EXTRA_CA_CERTS: attackerFile },
  });

  test("the emulator under the pinned root is reached at the production URL", async () => {
    await using server = await startTlsServer([leaf], perfect);
    assert.equal((await probe({ url, roots: [root.pem] }, redirect(server.port))).pinned, "200");
  });

  test("another server is refused", async () => {
    await using server = await startTlsServer([attackerLeaf, attackerRoot], perfect);
    const { pinned, unpinned } = await probe({ url, roots: [root.pem] }, redirect(server.port));
    assert.equal(unpinned, "200", "the other client is redirected as well");
    assert.equal(pinned, "tls_not_trusted SELF_SIGNED_CERT_IN_CHAIN");
  });

  test("a name without a route is not reached", async () => {
    const elsewhere = "https://login.microsoftonline.us/x";
    const { pinned } = await probe({ url: elsewhere, roots: [root.pem] }, redirect(1));
    assert.equal(pinned, "not_reachable ECONNREFUSED");
  });
});
