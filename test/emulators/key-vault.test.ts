/** The Key Vault emulator as the product uses it: the real client, over TLS, under the production name. */
import assert from "node:assert/strict";
import { constants, createHash, createPrivateKey, verify, X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionOptions, connect, getCACertificates, setDefaultCACertificates } from "node:tls";
import { CryptographyClient, type CryptographyClientOptions, type KeyVaultKey } from "@azure/keyvault-keys";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import {
  type CreatedKey,
  faultAnswers,
  type KeyVaultEmulator,
  type RoleAssignment,
  startKeyVault,
} from "../../local/emulators/key-vault/emulator.ts";
import { openCertificateAuthority, type TlsIdentity } from "../../local/emulators/shared/certificate-authority.ts";
import type { Fault } from "../../local/emulators/shared/emulator-server.ts";

const vaultHost = "keyhold-local.vault.azure.net";
const tenantId = "11111111-1111-1111-1111-111111111111";
const brokerId = "22222222-2222-2222-2222-222222222222";
const strangerId = "33333333-3333-3333-3333-333333333333";
const adminId = "44444444-4444-4444-4444-444444444444";
const digest = createHash("sha256").update("client assertion").digest();
const provider = await generateKeyPair("RS256");
const otherProvider = await generateKeyPair("RS256");
const providerJwk = { ...(await exportJWK(provider.publicKey)), kid: "provider-key", alg: "RS256" };

let folder: string;
let identity: TlsIdentity;
let vault: KeyVaultEmulator;
let key: CreatedKey;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "key-vault-"));
  const authority = await openCertificateAuthority(folder);
  setDefaultCACertificates([authority.certificate, ...getCACertificates()]);
  identity = await authority.issue([vaultHost, "localhost"]);
  const assignments: RoleAssignment[] = [
    { objectId: brokerId, keyName: "client-assertion", actions: ["sign", "read"] },
    { objectId: adminId, actions: ["read", "create", "update", "backup", "release", "getSecret"] },
  ];
  const jwks = () => ({ keys: [providerJwk] });
  vault = await startKeyVault({ port: 0, tls: identity, vaultHost, tenantId, jwks, assignments });
  key = await vault.createKey("client-assertion");
});

after(async () => {
  await vault.stop();
  await rm(folder, { recursive: true });
});

afterEach(() => {
  vault.audit.length = 0;
  vault.behaviour.faults = [];
  vault.behaviour.latencyMs = 0;
  vault.setKeyEnabled("client-assertion", key.version, true);
});

interface TokenOptions {
  audience?: string;
  tenant?: string;
  expires?: string;
  signer?: typeof provider.privateKey;
}

function tokenFor(objectId: string, options: TokenOptions = {}): Promise<string> {
  const { audience = "https://vault.azure.net", tenant = tenantId, expires = "1h", signer } = options;
  return new SignJWT({ tid: tenant, oid: objectId, appid: `app-of-${objectId}`, idtyp: "app" })
    .setProtectedHeader({ alg: "RS256", kid: "provider-key", typ: "JWT" })
    .setIssuer(`https://sts.windows.net/${tenant}/`)
    .setAudience(audience)
    .setIssuedAt()
    .setNotBefore("0s")
    .setExpirationTime(expires)
    .sign(signer ?? provider.privateKey);
}

/** Only the address is redirected; the name in the request, in SNI and in the certificate check stays. */
class LoopbackAgent extends Agent {
  override createConnection(options: ConnectionOptions) {
    return connect({ ...options, host: "127.0.0.1", port: vault.port, servername: vaultHost });
  }
}

function clientFor(keyId: string, objectId = brokerId, options: CryptographyClientOptions = {}) {
  const [, , , , name = "", version = ""] = keyId.split("/");
  const vaultUrl = `https://${vaultHost}`;
  const keyVaultKey: KeyVaultKey = {
    id: keyId,
    name,
    keyType: "RSA-HSM",
    keyOperations: ["sign"],
    properties: { vaultUrl, name, version, id: keyId },
  };
  const credential = {
    async getToken(scopes: string | string[], tokenOptions?: { tenantId?: string }) {
      assert.deepEqual(scopes, ["https://vault.azure.net/.default"]);
      assert.equal(tokenOptions?.tenantId, tenantId);
      return { token: await tokenFor(objectId), expiresOnTimestamp: Date.now() + 3_600_000 };
    },
  };
  const agent = new LoopbackAgent();
  return new CryptographyClient(keyVaultKey, credential, {
    retryOptions: { maxRetries: 0 },
    ...options,
    additionalPolicies: [
      {
        position: "perRetry",
        policy: {
          name: "loopback",
          sendRequest(request, next) {
            request.agent = agent;
            return next(request);
          },
        },
      },
    ],
  });
}

interface CallOptions extends TokenOptions {
  body?: object;
  as?: string;
  token?: string;
  apiVersion?: string;
}

async function call(method: string, path: string, options: CallOptions = {}) {
  const { body, as = brokerId, token = await tokenFor(as, options), apiVersion = "2025-07-01" } = options;
  const query = apiVersion && `?api-version=${apiVersion}`;
  const response = await fetch(`https://localhost:${vault.port}${path}${query}`, {
    method,
    headers: { ...(token && { authorization: `Bearer ${token}` }), "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text) };
}

function signPath(version = key.version): string {
  return `/keys/client-assertion/${version}/sign`;
}

function signBody(alg = "PS256", value = digest): { body: object } {
  return { body: { alg, value: value.toString("base64url") } };
}

function lastEvent() {
  const event = vault.audit.at(-1);
  assert.ok(event, "the audit log is empty");
  return event;
}

function operations(): [string, number][] {
  return vault.audit.map((event) => [event.OperationName, event.HttpStatusCode]);
}

describe("signing with the real client", () => {
  test("a PS256 signature made with challenge verification on verifies with the key's certificate", async () => {
    const { result } = await clientFor(key.keyId).sign("PS256", digest);
    const publicKey = new X509Certificate(key.certificatePem).publicKey;
    const pss = { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    assert.ok(verify("sha256", Buffer.from("client assertion"), pss, result));
  });

  test("the audit log holds one challenge and one KeySign, and no KeyGet", async () => {
    await clientFor(key.keyId).sign("PS256", digest);
    assert.deepEqual(operations(), [
      ["Authentication", 401],
      ["KeySign", 200],
    ]);
  });

  test("a second signature of the same client costs one request", async () => {
    const client = clientFor(key.keyId);
    await client.sign("PS256", digest);
    vault.audit.length = 0;
    await client.sign("PS256", digest);
    assert.deepEqual(operations(), [["KeySign", 200]]);
  });

  test("the event's CorrelationId is the x-ms-request-id that the client receives", async () => {
    let requestId: string | undefined;
    let region: string | undefined;
    await clientFor(key.keyId).sign("PS256", digest, {
      onResponse(response) {
        requestId = response.headers.get("x-ms-request-id");
        region = response.headers.get("x-ms-keyvault-region");
      },
    });
    assert.match(requestId ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(lastEvent().CorrelationId, requestId);
    assert.ok(region);
  });

  test("the KeySign event names the signer and the key version, and contains neither digest nor signature", async () => {
    const { result } = await clientFor(key.keyId).sign("PS256", digest);
    const event = lastEvent();
    assert.equal(event.Id, key.keyId);
    assert.equal(event.Algorithm, "PS256");
    assert.equal(event.ResultSignature, "OK");
    assert.equal(event.IsRbacAuthorized, true);
    assert.equal(event.Identity.claim.oid, brokerId);
    assert.equal(event.Identity.claim["http://schemas.microsoft.com/identity/claims/objectidentifier"], brokerId);
    assert.ok(event.RequestUri.startsWith(`https://${vaultHost}:443${signPath()}?`));
    assert.match(event.OperationVersion, /^\d{4}-\d{2}-\d{2}$/);
    const log = JSON.stringify(vault.audit);
    for (const encoding of ["base64url", "base64", "hex"] as const) {
      assert.ok(!log.includes(digest.toString(encoding)));
      assert.ok(!log.includes(Buffer.from(result).toString(encoding)));
    }
  });

  test("a disabled key version is refused with KeyDisabled", async () => {
    vault.setKeyEnabled("client-assertion", key.version, false);
    await assert.rejects(
      clientFor(key.keyId).sign("PS256", digest),
      (error: { statusCode?: number; code?: string }) => {
        assert.equal(error.statusCode, 403);
        assert.equal(error.code, "Forbidden");
        return true;
      },
    );
    assert.equal((await call("POST", signPath(), signBody())).json.error.innererror.code, "KeyDisabled");
  });
});

describe("the sign operation", () => {
  for (const [alg, hash] of [
    ["PS256", "sha256"],
    ["PS384", "sha384"],
    ["PS512", "sha512"],
    ["RS256", "sha256"],
    ["RS384", "sha384"],
    ["RS512", "sha512"],
  ] as const) {
    for (const keySize of [2048, 3072] as const) {
      test(`${alg} with a key of ${keySize} bits gives signatures that Node verifies`, async () => {
        const name = `key-${keySize}`;
        const made = vault.assignments.some((assignment) => assignment.keyName === name);
        if (!made) {
          vault.assignments.push({ objectId: brokerId, keyName: name, actions: ["sign", "read"] });
          await vault.createKey(name, { keySize });
        }
        const { json: bundle } = await call("GET", `/keys/${name}`);
        const { n, e } = bundle.key;
        const value = createHash(hash).update("message").digest();
        const { json } = await call("POST", `/keys/${name}/sign`, signBody(alg, value));
        const signature = Buffer.from(json.value, "base64url");
        assert.equal(signature.length, keySize / 8);
        const padding = alg.startsWith("PS") ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
        const options = { key: { kty: "RSA", n, e }, format: "jwk", padding, saltLength: value.length } as const;
        assert.ok(verify(hash, Buffer.from("message"), options, signature));
      });
    }
  }

  test("a named version is used and returned in the kid, even if a newer one exists", async () => {
    const first = await vault.createKey("rolled");
    const second = await vault.createKey("rolled");
    vault.assignments.push({ objectId: brokerId, keyName: "rolled", actions: ["sign"] });
    const named = await call("POST", `/keys/rolled/${first.version}/sign`, signBody());
    assert.equal(named.json.kid, first.keyId);
    const newest = await call("POST", "/keys/rolled/sign", signBody());
    assert.equal(newest.json.kid, second.keyId);
    assert.equal(lastEvent().Id, second.keyId);
  });

  test("a digest that does not fit the algorithm is refused", async () => {
    const { status, json } = await call("POST", signPath(), signBody("PS512"));
    assert.equal(status, 400);
    assert.equal(json.error.code, "BadParameter");
    assert.match(json.error.message, /32 bytes.*PS512 requires 64 bytes/);
    assert.equal(lastEvent().HttpStatusCode, 400);
    assert.equal(lastEvent().ResultType, "Success");
    assert.equal(lastEvent().ResultSignature, "Bad Request");
  });

  test("an algorithm that does not fit the key, and an invalid body, are refused", async () => {
    assert.equal((await call("POST", signPath(), signBody("ES256"))).status, 400);
    assert.equal((await call("POST", signPath(), { body: { alg: "PS256", value: "not base64!" } })).status, 400);
    assert.equal((await call("POST", signPath())).status, 400);
  });

  test("a key outside its validity is refused", async () => {
    const past = await vault.createKey("past", { notAfter: new Date(Date.now() - 1000) });
    const future = await vault.createKey("future");
    const nbf = Math.floor(Date.now() / 1000) + 3600;
    await call("PATCH", `/keys/future/${future.version}`, { as: adminId, body: { attributes: { nbf } } });
    vault.assignments.push({ objectId: adminId, actions: ["sign"] });
    const expired = await call("POST", `/keys/past/${past.version}/sign`, { as: adminId, ...signBody() });
    assert.equal(expired.json.error.innererror.code, "KeyExpired");
    const early = await call("POST", `/keys/future/${future.version}/sign`, { as: adminId, ...signBody() });
    assert.equal(early.json.error.innererror.code, "KeyNotYetValid");
    vault.assignments.pop();
  });
});

describe("permissions", () => {
  test("an identity without an assignment is refused and recorded under its own name", async () => {
    await assert.rejects(clientFor(key.keyId, strangerId).sign("PS256", digest), { statusCode: 403 });
    const event = lastEvent();
    assert.equal(event.HttpStatusCode, 403);
    assert.equal(event.ResultSignature, "Forbidden");
    assert.equal(event.Identity.claim.oid, strangerId);
    assert.equal(event.IsRbacAuthorized, false);
    assert.equal(event.Id, key.keyId);
    const { json } = await call("POST", signPath(), { as: strangerId, ...signBody() });
    assert.equal(json.error.innererror.code, "ForbiddenByRbac");
  });

  test("an assignment on one key does not apply to another", async () => {
    await vault.createKey("another");
    assert.equal((await call("POST", "/keys/another/sign", signBody())).status, 403);
    assert.equal((await call("GET", "/keys")).status, 403);
  });

  test("the signing identity can neither back up, release, update nor create keys, nor read the secret", async () => {
    const attempts: [string, string, object?][] = [
      ["POST", "/keys/client-assertion/backup"],
      ["POST", `/keys/client-assertion/${key.version}/release`, { target: "x" }],
      ["PATCH", `/keys/client-assertion/${key.version}`, { attributes: { enabled: true } }],
      ["POST", "/keys/client-assertion/create", { kty: "RSA" }],
      ["GET", "/secrets/client-assertion"],
      ["GET", `/secrets/client-assertion/${key.version}`],
    ];
    for (const [method, path, body] of attempts) {
      const { status, json } = await call(method, path, body ? { body } : {});
      assert.equal(status, 403, `${method} ${path}`);
      assert.equal(json.error.innererror.code, "ForbiddenByRbac");
    }
    const names = ["KeyBackup", "KeyRelease", "KeyUpdate", "KeyCreate", "SecretGet", "SecretGet"];
    assert.deepEqual(
      operations(),
      names.map((name) => [name, 403]),
    );
  });

  test("a bad token gets the challenge again and leaves no identity in the log", async () => {
    const tokens = [
      "",
      "not-a-token",
      await tokenFor(brokerId, { signer: otherProvider.privateKey }),
      await tokenFor(brokerId, { audience: "https://management.azure.com/" }),
      await tokenFor(brokerId, { expires: "-1m" }),
      await tokenFor(brokerId, { tenant: strangerId }),
    ];
    for (const token of tokens) {
      const { status, headers, json } = await call("POST", signPath(), { token, ...signBody() });
      assert.equal(status, 401);
      assert.equal(json.error.code, "Unauthorized");
      const expected = `Bearer authorization="https://login.microsoftonline.com/${tenantId}", resource="https://vault.azure.net"`;
      assert.equal(headers.get("www-authenticate"), expected);
      assert.deepEqual(lastEvent().Identity, { claim: {} });
    }
    assert.deepEqual(new Set(operations().map(String)), new Set(["Authentication,401"]));
  });

  test("the resource with a trailing slash and Key Vault's application id are accepted as audiences too", async () => {
    for (const audience of ["https://vault.azure.net/", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"]) {
      assert.equal((await call("POST", signPath(), { audience, ...signBody() })).status, 200);
    }
  });
});

describe("the other operations", () => {
  test("a key bundle shows the public part only", async () => {
    const { json } = await call("GET", `/keys/client-assertion/${key.version}`);
    assert.deepEqual(Object.keys(json.key), ["kid", "kty", "key_ops", "n", "e"]);
    assert.equal(json.key.kid, key.keyId);
    assert.equal(json.key.kty, "RSA-HSM");
    assert.equal(json.attributes.exportable, false);
    assert.equal(lastEvent().OperationName, "KeyGet");
  });

  test("keys are created, listed, disabled and backed up by an identity with the right", async () => {
    const made = await call("POST", "/keys/made/create", { as: adminId, body: { kty: "RSA", key_size: 2048 } });
    const version = made.json.key.kid.split("/").at(-1);
    const versions = await call("GET", "/keys/made/versions", { as: adminId });
    assert.deepEqual(
      versions.json.value.map((item: { kid: string }) => item.kid),
      [made.json.key.kid],
    );
    const list = await call("GET", "/keys", { as: adminId });
    const kids = list.json.value.map((item: { kid: string }) => item.kid);
    assert.ok(kids.includes(`https://${vaultHost}/keys/made`));
    const body = { attributes: { enabled: false } };
    const patched = await call("PATCH", `/keys/made/${version}`, { as: adminId, body });
    assert.equal(patched.json.attributes.enabled, false);
    assert.equal((await call("POST", "/keys/made/backup", { as: adminId })).status, 200);
    assert.deepEqual(
      operations().map(([name]) => name),
      ["KeyCreate", "KeyListVersions", "KeyList", "KeyUpdate", "KeyBackup"],
    );
  });

  test("an exportable key cannot be made over the data plane", async () => {
    const body = { kty: "RSA", attributes: { exportable: true } };
    assert.equal((await call("POST", "/keys/leaky/create", { as: adminId, body })).status, 400);
  });

  test("a missing key, an unknown path and a missing api-version have Key Vault's errors", async () => {
    vault.assignments.push({ objectId: brokerId, keyName: "missing", actions: ["sign"] });
    const missing = await call("POST", "/keys/missing/sign", signBody());
    assert.equal(missing.status, 404);
    assert.equal(missing.json.error.code, "KeyNotFound");
    assert.equal((await call("GET", "/certificates")).status, 404);
    const unversioned = await call("POST", signPath(), { apiVersion: "", ...signBody() });
    assert.equal(unversioned.status, 400);
    assert.equal(unversioned.json.error.message, "api-version must be specified");
  });

  test("the client's request id is echoed beside the vault's own", async () => {
    const response = await fetch(`https://localhost:${vault.port}/keys?api-version=7.4`, {
      headers: { "x-ms-client-request-id": "mine" },
    });
    assert.equal(response.headers.get("x-ms-client-request-id"), "mine");
    assert.notEqual(response.headers.get("x-ms-request-id"), "mine");
  });
});

describe("private material", () => {
  test("the secret of an exportable key is its private key, that of any other key is only the certificate", async () => {
    const leaky = await vault.createKey("leaky", { exportable: true });
    const exported = await call("GET", "/secrets/leaky", { as: adminId });
    assert.match(exported.json.value, /BEGIN PRIVATE KEY/);
    const privateKey = createPrivateKey(exported.json.value);
    assert.ok(new X509Certificate(leaky.certificatePem).checkPrivateKey(privateKey));
    const kept = await call("GET", `/secrets/client-assertion/${key.version}`, { as: adminId });
    assert.equal(kept.json.value, key.certificatePem);
  });

  test("a key that is not exportable is not released, even to an identity with the right", async () => {
    const { status } = await call("POST", `/keys/client-assertion/${key.version}/release`, { as: adminId });
    assert.equal(status, 403);
  });

  test("no answer, audit event or control answer contains a private key", async () => {
    const answers = [
      (await call("GET", `/keys/client-assertion/${key.version}`)).text,
      (await call("POST", signPath(), signBody())).text,
      (await call("POST", "/keys/client-assertion/backup", { as: adminId })).text,
      (await call("GET", "/secrets/client-assertion", { as: adminId })).text,
      (await call("GET", "/keys/client-assertion/versions", { as: adminId })).text,
      JSON.stringify(key),
      JSON.stringify(vault.audit),
      JSON.stringify(vault),
    ];
    for (const route of vault.control.filter((candidate) => candidate.method === "GET")) {
      answers.push(JSON.stringify(await route.handle({ body: undefined, query: new URLSearchParams() })));
    }
    for (const answer of answers) assert.doesNotMatch(answer, /PRIVATE KEY|"(d|p|q|dp|dq|qi)":/);
  });
});

describe("injected behaviour", () => {
  function inject(...faults: Fault[]) {
    vault.behaviour.faults = faults;
  }

  test("throttling applies as often as configured and is in the audit log", async () => {
    inject({ operation: "KeySign", times: 2, ...faultAnswers.throttled });
    const client = clientFor(key.keyId);
    await assert.rejects(client.sign("PS256", digest), { statusCode: 429, code: "Throttled" });
    const { headers, json } = await call("POST", signPath(), signBody());
    assert.equal(json.error.code, "Throttled");
    assert.equal(headers.get("retry-after"), null);
    assert.equal(headers.get("x-ms-request-id"), lastEvent().CorrelationId);
    await client.sign("PS256", digest);
    assert.deepEqual(operations(), [
      ["Authentication", 401],
      ["KeySign", 429],
      ["KeySign", 429],
      ["KeySign", 200],
    ]);
  });

  test("the real client's own retries survive two faults", async () => {
    inject({ operation: "KeySign", times: 2, status: 500 });
    const retryOptions = { maxRetries: 2, retryDelayInMs: 1, maxRetryDelayInMs: 2 };
    await clientFor(key.keyId, brokerId, { retryOptions }).sign("PS256", digest);
    assert.deepEqual(operations().slice(1), [
      ["KeySign", 500],
      ["KeySign", 500],
      ["KeySign", 200],
    ]);
  });

  test("a fault with only a status has the usual body for it", async () => {
    inject({ times: 1, status: 500 }, { times: 1, status: 503 });
    assert.equal((await call("POST", signPath(), signBody())).json.error.code, "InternalServerError");
    assert.equal((await call("POST", signPath(), signBody())).status, 503);
    assert.equal((await call("POST", signPath(), signBody())).status, 200);
  });

  test("a fault for another operation does not apply", async () => {
    inject({ operation: "KeyGet", ...faultAnswers.internalError });
    assert.equal((await call("POST", signPath(), signBody())).status, 200);
    assert.equal((await call("GET", "/keys/client-assertion")).status, 500);
  });

  test("a dropped connection leaves no answer and no audit event", async () => {
    inject({ operation: "KeySign", times: 1, drop: true });
    await assert.rejects(call("POST", signPath(), signBody()));
    assert.deepEqual(operations(), []);
    assert.equal((await call("POST", signPath(), signBody())).status, 200);
  });

  test("delay and latency pass before the answer", async () => {
    inject({ operation: "KeySign", times: 1, delayMs: 120 });
    vault.behaviour.latencyMs = 60;
    assert.equal((await call("POST", signPath(), signBody())).status, 200);
    assert.ok(lastEvent().DurationMs >= 175, `${lastEvent().DurationMs} ms`);
  });

  test("stop cuts open requests; start restores the port and the keys", async () => {
    inject({ operation: "KeySign", delayMs: 1000 });
    const { port } = vault;
    const hanging = assert.rejects(call("POST", signPath(), signBody()));
    await sleep(100);
    await vault.stop();
    await hanging;
    await assert.rejects(call("GET", "/keys"));
    vault.behaviour.faults = [];
    await vault.start();
    assert.equal(vault.port, port);
    assert.equal((await call("POST", signPath(), signBody())).json.kid, key.keyId);
  });
});

describe("the control routes", () => {
  function control(method: string, path: string, body?: unknown, query = "") {
    const route = vault.control.find((candidate) => candidate.method === method && candidate.path === path);
    assert.ok(route, `${method} ${path}`);
    return route.handle({ body, query: new URLSearchParams(query) });
  }

  test("the audit log is read by operation and time, and cleared", async () => {
    await call("POST", signPath(), signBody());
    await call("GET", "/keys/client-assertion");
    const signs = (await control("GET", "/audit", undefined, "operation=KeySign")) as object[];
    assert.equal(signs.length, 1);
    const later = new Date(Date.now() + 1000).toISOString();
    assert.deepEqual(await control("GET", "/audit", undefined, `since=${later}`), []);
    await control("DELETE", "/audit");
    assert.deepEqual(operations(), []);
  });

  test("behaviour, keys and assignments are set", async () => {
    await control("PUT", "/behaviour", { faults: [{ operation: "KeySign", times: 1, status: 429 }] });
    assert.equal((await call("POST", signPath(), signBody())).json.error.code, "Throttled");
    const made = (await control("POST", "/keys", { name: "by-control", subject: "CN=Made by control" })) as CreatedKey;
    assert.match(new X509Certificate(made.certificatePem).subject, /Made by control/);
    await control("PUT", "/keys/enabled", { name: "by-control", version: made.version, enabled: false });
    const keys = (await control("GET", "/keys")) as { keyId: string; enabled: boolean }[];
    assert.equal(keys.find((candidate) => candidate.keyId === made.keyId)?.enabled, false);
    const before = [...vault.assignments];
    await control("PUT", "/assignments", []);
    assert.equal((await call("POST", signPath(), signBody())).status, 403);
    await control("PUT", "/assignments", before);
    assert.equal((await call("POST", signPath(), signBody())).status, 200);
  });

  test("invalid input is refused with a reason", async () => {
    const attempts: [string, string, unknown?, string?][] = [
      ["PUT", "/behaviour", { faults: [{ times: 0 }] }],
      ["PUT", "/keys/enabled", { name: "client-assertion", version: "none", enabled: true }],
      ["POST", "/keys", { name: "no spaces" }],
      ["PUT", "/assignments", [{ objectId: brokerId, actions: ["everything"] }]],
      ["GET", "/audit", undefined, "since=yesterday"],
    ];
    for (const [method, path, body, query] of attempts) {
      await assert.rejects(async () => control(method, path, body, query), { status: 400, message: /.+/ });
    }
  });
});
