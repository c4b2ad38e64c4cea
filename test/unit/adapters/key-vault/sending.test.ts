/** The signer over the unchanged SDK, against servers that fail at one step of the exchange. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import type { TokenCredential } from "@azure/identity";
import { createKeyVaultSigner } from "../../../../src/adapters/key-vault/signer.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { makeLeaf, makeRoot } from "../../../support/fixtures/tls-pki.ts";
import { startTlsServer } from "../../../support/fixtures/tls-server.ts";

const credential: TokenCredential = {
  getToken: async () => ({ token: "token", expiresOnTimestamp: Date.now() + 3_600_000 }),
};
const sockets = new Set<Socket>();
const silent = createServer((socket) => sockets.add(socket.on("error", () => {})));
const trusted = getCACertificates("default");

before(async () => {
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
});
after(() => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  setDefaultCACertificates(trusted);
});

/** What a signature at this port ends with, given up after `withinMs`. */
async function faultAt(port: number, withinMs: number): Promise<Fault> {
  const { sign } = createKeyVaultSigner(credential, "instance-1");
  const keyId = `https://localhost:${port}/keys/k/0123456789abcdef0123456789abcdef`;
  const signal = AbortSignal.timeout(withinMs);
  const error = await sign({ keyId, algorithm: "PS256", digest: new Uint8Array(32), signal }).then(
    () => assert.fail("it was signed"),
    (thrown) => thrown,
  );
  assert.ok(error instanceof Fault);
  return error;
}

test("a request that never had a connection has not signed, even if it timed out like one that had", async () => {
  const fault = await faultAt((silent.address() as AddressInfo).port, 300);
  assert.equal(fault.detail.maybeSigned, false);
});

test("a request whose connection is cut or times out after it was made may have signed", async () => {
  const authority = await makeRoot("authority");
  const identity = await makeLeaf(authority, { hostName: "localhost" });
  setDefaultCACertificates([...trusted, authority.pem]);
  await using cut = await startTlsServer([identity], (socket) => socket.destroy());
  assert.equal((await faultAt(cut.port, 5_000)).detail.maybeSigned, true);
  assert.match(cut.requests[0] ?? "", /^user-agent: keyhold\/instance-1 /im);
  await using mute = await startTlsServer([identity], () => {});
  assert.equal((await faultAt(mute.port, 300)).detail.maybeSigned, true);
});
