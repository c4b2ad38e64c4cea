import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type EntraEmulator, startEntra } from "../../local/emulators/entra/emulator.ts";
import { forgeFederationMetadata } from "../../local/emulators/entra/forged-metadata.ts";
import {
  type CertificateAuthority,
  openCertificateAuthority,
} from "../../local/emulators/shared/certificate-authority.ts";
import {
  type AttackerCertificates,
  createAttackerCertificates,
  type LeafKind,
} from "../../local/stack/attacker-certificates.ts";
import { type EvilAnswer, type ManInTheMiddle, startManInTheMiddle } from "../../local/stack/man-in-the-middle.ts";

const host = "login.microsoftonline.com";
const tenantId = randomUUID();
const metadataPath = `/${tenantId}/federationmetadata/2007-06/federationmetadata.xml`;

let folder: string;
let authority: CertificateAuthority;
let entra: EntraEmulator;
let certificates: AttackerCertificates;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "man-in-the-middle-test-"));
  authority = await openCertificateAuthority(folder);
  const tls = await authority.issue([host]);
  entra = await startEntra({ port: 0, tls, managedIdentityPort: 0, homeTenantId: tenantId });
  certificates = await createAttackerCertificates(host);
});

after(async () => {
  await Promise.all([entra.stop(), entra.managedIdentity.stop()]);
  await rm(folder, { recursive: true });
});

async function inTheMiddle(
  options: { kind?: LeafKind; answer?: EvilAnswer; passing?: number; ca?: string },
  use: (attacker: ManInTheMiddle) => Promise<void>,
) {
  const { kind = "good", ca = authority.certificate, ...rest } = options;
  const upstream = { port: entra.port, ca, servername: host };
  const attacker = await startManInTheMiddle({ port: 0, tls: certificates.leaves[kind], upstream, ...rest });
  try {
    await use(attacker);
  } finally {
    await attacker.stop();
  }
}

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

/** As a client that pins `ca` and believes to talk to the real host. */
function ask(port: number, path: string, options: { headers?: Record<string, string>; ca?: string } = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { ca = certificates.rootPem, headers = {} } = options;
  const asked = request({
    host: "127.0.0.1",
    port,
    path,
    ca,
    servername: host,
    rejectUnauthorized: true,
    agent: false,
    headers: { host, ...headers },
  });
  asked.on("error", reject);
  asked.on("response", (response) => {
    response
      .toArray()
      .then((chunks: Buffer[]) =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      )
      .catch(reject);
  });
  asked.end();
  return promise;
}

describe("the man in the middle", () => {
  test("passes answers on byte for byte, with their headers and status", async () => {
    await inTheMiddle({}, async (attacker) => {
      const through = await ask(attacker.port, metadataPath);
      assert.equal(through.status, 200);
      assert.equal(through.body, entra.federationMetadata(tenantId));
      assert.equal(through.headers["content-type"], "application/samlmetadata+xml");
      const etag = String(through.headers.etag);
      const again = await ask(attacker.port, metadataPath, { headers: { "if-none-match": etag } });
      assert.deepEqual([again.status, again.body], [304, ""]);
      const unknown = await ask(attacker.port, "/contoso/discovery/v2.0/keys?appid=x");
      assert.equal(unknown.status, 400);
      assert.deepEqual(attacker.exchanges.at(-1), {
        method: "GET",
        path: "/contoso/discovery/v2.0/keys?appid=x",
        replaced: false,
      });
    });
  });

  test("replaces the answers that its function chooses, with access to the real answer", async () => {
    const { document } = await forgeFederationMetadata({ tenantId });
    const answer: EvilAnswer = ({ url }, { status, headers }) =>
      url.pathname === metadataPath ? { status, headers, body: document } : undefined;
    await inTheMiddle({ answer }, async (attacker) => {
      const replaced = await ask(attacker.port, metadataPath);
      assert.deepEqual([replaced.status, replaced.body], [200, document]);
      assert.equal(replaced.headers["content-type"], "application/samlmetadata+xml");
      const keys = await ask(attacker.port, `/${tenantId}/discovery/v2.0/keys`);
      assert.deepEqual(JSON.parse(keys.body), entra.jwks(tenantId));
    });
  });

  test("passes on the configured number of honest answers before the forged ones", async () => {
    await inTheMiddle({ passing: 2, answer: () => ({ status: 200, body: "evil" }) }, async (attacker) => {
      const bodies: string[] = [];
      for (let poll = 0; poll < 4; poll++) bodies.push((await ask(attacker.port, metadataPath)).body);
      const good = entra.federationMetadata(tenantId);
      assert.deepEqual(bodies, [good, good, "evil", "evil"]);
      attacker.passing = 1;
      attacker.answer = () => ({ status: 503 });
      assert.equal((await ask(attacker.port, metadataPath)).body, good);
      assert.equal((await ask(attacker.port, metadataPath)).status, 503);
    });
  });

  test("verifies its upstream, and cuts the connection if it is not the emulated Entra", async () => {
    await inTheMiddle({ ca: certificates.rootPem }, async (attacker) => {
      await assert.rejects(ask(attacker.port, metadataPath), { code: "ECONNRESET" });
    });
  });
});

describe("a client that pins the root", () => {
  const refusals: [kind: LeafKind, code: string][] = [
    ["unknownCa", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["selfSigned", "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["wrongHost", "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["expired", "CERT_HAS_EXPIRED"],
    ["notYetValid", "CERT_NOT_YET_VALID"],
    ["missingIntermediate", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ];
  for (const [kind, code] of refusals) {
    test(`refuses the leaf ${kind} with ${code} and sends no request`, async () => {
      await inTheMiddle({ kind }, async (attacker) => {
        await assert.rejects(ask(attacker.port, metadataPath), { code });
        assert.deepEqual(attacker.exchanges, []);
      });
    });
  }

  test("accepts the good leaf", async () => {
    await inTheMiddle({}, async (attacker) => {
      assert.equal((await ask(attacker.port, metadataPath)).status, 200);
    });
  });

  test("accepts an unknown authority only if it trusts that one too", async () => {
    await inTheMiddle({ kind: "unknownCa" }, async (attacker) => {
      assert.equal((await ask(attacker.port, metadataPath, { ca: certificates.unknownRootPem })).status, 200);
    });
  });
});
