import assert from "node:assert/strict";
import { constants, createHash, createPrivateKey, type KeyObject, randomUUID, sign, webcrypto } from "node:crypto";
import "reflect-metadata";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { ManagedIdentityCredential } from "@azure/identity";
import { type X509CertificateCreateSelfSignedParams, X509CertificateGenerator } from "@peculiar/x509";
import { createLocalJWKSet, createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { type EntraEmulator, startEntra } from "../../local/emulators/entra/emulator.ts";
import { openCertificateAuthority } from "../../local/emulators/shared/certificate-authority.ts";
import { ControlError } from "../../local/emulators/shared/control-route.ts";

const home = "11111111-1111-4111-8111-111111111111";
const customer = "22222222-2222-4222-8222-222222222222";
const clientId = "33333333-3333-4333-8333-333333333333";
const identityClientId = "44444444-4444-4444-8444-444444444444";
const identityObjectId = "55555555-5555-4555-8555-555555555555";
const api = "66666666-6666-4666-8666-666666666666";
const graph = "https://graph.microsoft.com";
const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

interface Credential {
  pem: string;
  privateKey: KeyObject;
  x5tS256: string;
  x5t: string;
}

let entra: EntraEmulator;
let folder: string;
let current: Credential;
let expired: Credential;
let stranger: Credential;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "entra-test-"));
  const authority = await openCertificateAuthority(folder);
  setDefaultCACertificates([...getCACertificates("default"), authority.certificate]);
  const tls = await authority.issue(["localhost", "login.microsoftonline.com"]);
  entra = await startEntra({ port: 0, tls, managedIdentityPort: 0, homeTenantId: home });
  current = await makeCredential();
  expired = await makeCredential({ notAfter: new Date(Date.now() - 3_600_000) });
  stranger = await makeCredential();
  entra.registerApplication({ clientId, name: "broker" });
  entra.registerCertificate(clientId, current.pem);
  entra.registerCertificate(clientId, expired.pem);
  entra.grantConsent(customer, clientId, { [graph]: ["User.Read.All"] });
  entra.registerManagedIdentity({
    clientId: identityClientId,
    objectId: identityObjectId,
    name: "caller",
    appRoles: { [api]: ["Tokens.Mint"] },
  });
});

after(async () => {
  await Promise.all([entra.stop(), entra.managedIdentity.stop()]);
  await rm(folder, { recursive: true });
});

beforeEach(() => {
  entra.behaviour = { latencyMs: 0, faults: [] };
  entra.clockOffsetSeconds = 0;
  entra.tokenLifetimeSeconds = undefined;
});

async function makeCredential(validity: { notAfter?: Date } = {}): Promise<Credential> {
  const algorithm = {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ])) as X509CertificateCreateSelfSignedParams["keys"];
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=broker",
    keys,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: validity.notAfter ?? new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm,
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const digest = (name: string) => createHash(name).update(Buffer.from(certificate.rawData)).digest("base64url");
  return {
    pem: certificate.toString("pem"),
    // Imported without a scheme, so that it signs with both paddings.
    privateKey: createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }),
    x5tS256: digest("sha256"),
    x5t: digest("sha1"),
  };
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

function signAssertion(header: Record<string, unknown>, claims: Record<string, unknown>, key: KeyObject): string {
  const text = `${encode(header)}.${encode(claims)}`;
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const options = header.alg === "RS256" ? { key } : { key, ...pss };
  return `${text}.${sign("sha256", Buffer.from(text), options).toString("base64url")}`;
}

/** What one test changes of an otherwise valid request; a value of undefined leaves the field out. */
interface Change {
  tenant?: string;
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  form?: Record<string, string | undefined>;
  key?: KeyObject;
  headers?: Record<string, string>;
}

function requestToken(change: Change = {}): Promise<Response> {
  const tenant = change.tenant ?? customer;
  const now = Math.floor(Date.now() / 1000);
  const assertion = signAssertion(
    { alg: "PS256", typ: "JWT", "x5t#S256": current.x5tS256, ...change.header },
    {
      aud: `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`,
      iss: clientId,
      sub: clientId,
      jti: randomUUID(),
      nbf: now - 15,
      iat: now,
      exp: now + 60,
      ...change.claims,
    },
    change.key ?? current.privateKey,
  );
  const form = {
    grant_type: "client_credentials",
    client_id: clientId,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion,
    scope: `${graph}/.default`,
    ...change.form,
  };
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) if (value !== undefined) body.append(name, value);
  return fetch(`${base()}/${tenant}/oauth2/v2.0/token`, { method: "POST", body, headers: change.headers ?? {} });
}

const base = () => `https://localhost:${entra.port}`;

async function json(response: Response | Promise<Response>): Promise<Record<string, unknown>> {
  return (await (await response).json()) as Record<string, unknown>;
}

async function accessToken(change: Change = {}): Promise<string> {
  const { access_token } = await json(requestToken(change));
  assert.ok(typeof access_token === "string");
  return access_token;
}

async function assertRefused(response: Response, status: number, code: number, error: string) {
  const body = await json(response);
  assert.deepEqual([response.status, body.error_codes, body.error], [status, [code], error]);
  return body;
}

describe("a token request", () => {
  test("with a valid assertion is answered with a token that the published keys verify", async () => {
    const requestId = randomUUID();
    const response = await requestToken({ headers: { "client-request-id": requestId } });
    assert.equal(response.status, 200);
    assert.match(response.headers.get("cache-control") ?? "", /no-store/);
    assert.equal(response.headers.get("client-request-id"), requestId);
    assert.match(response.headers.get("x-ms-request-id") ?? "", guid);
    assert.ok(response.headers.get("x-ms-ests-server"));
    const body = await json(response);
    assert.deepEqual(Object.keys(body).sort(), ["access_token", "expires_in", "ext_expires_in", "token_type"]);
    const lifetime = Number(body.expires_in);
    assert.ok(lifetime >= 3600 && lifetime < 5400);

    const metadata = await json(fetch(`${base()}/${customer}/v2.0/.well-known/openid-configuration`));
    const keysPath = new URL(String(metadata.jwks_uri)).pathname;
    const keys = createRemoteJWKSet(new URL(keysPath, base()));
    const { payload, protectedHeader } = await jwtVerify(String(body.access_token), keys, {
      issuer: `https://sts.windows.net/${customer}/`,
      audience: graph,
      algorithms: ["RS256"],
      typ: "JWT",
    });
    assert.equal(protectedHeader.kid, protectedHeader.x5t);
    assert.deepEqual(
      [payload.appid, payload.appidacr, payload.idtyp, payload.tid, payload.ver, payload.roles],
      [clientId, "2", "app", customer, "1.0", ["User.Read.All"]],
    );
    assert.equal(payload.sub, payload.oid);
  });

  test("may be signed with RS256, name the key by x5t, and address the issuer", async () => {
    const header = { alg: "RS256", "x5t#S256": undefined, x5t: current.x5t };
    const claims = { aud: `https://login.microsoftonline.com/${customer}/v2.0` };
    assert.equal((await requestToken({ header, claims })).status, 200);
  });

  test("gets the configured lifetime, a stable object id, and no roles if none are granted", async () => {
    entra.tokenLifetimeSeconds = 120;
    const form = { scope: "https://vault.azure.net//.default" };
    const [first, second] = [decodeJwt(await accessToken({ form })), decodeJwt(await accessToken())];
    assert.equal(first.aud, "https://vault.azure.net/");
    assert.equal("roles" in first, false);
    assert.equal(first.oid, second.oid);
    assert.ok(Math.abs(Number(first.exp) - Date.now() / 1000 - 120) < 5);
  });

  const seconds = () => Math.floor(Date.now() / 1000);
  const text = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const refusals: [broken: string, change: () => Change, status: number, code: number, error: string][] = [
    ["the common endpoint", () => ({ tenant: "common" }), 400, 9001023, "invalid_request"],
    ["the organizations endpoint", () => ({ tenant: "organizations" }), 400, 9001023, "invalid_request"],
    ["a tenant that is no GUID", () => ({ tenant: "contoso" }), 400, 90002, "invalid_request"],
    ["another grant", () => ({ form: { grant_type: "password" } }), 400, 70003, "unsupported_grant_type"],
    ["no client id", () => ({ form: { client_id: undefined } }), 400, 900144, "invalid_request"],
    ["no assertion", () => ({ form: { client_assertion: undefined } }), 401, 7000218, "invalid_client"],
    ["no assertion type", () => ({ form: { client_assertion_type: undefined } }), 401, 7000218, "invalid_client"],
    ["a secret", () => ({ form: { client_assertion: undefined, client_secret: "s" } }), 401, 7000215, "invalid_client"],
    ["a malformed assertion", () => ({ form: { client_assertion: "a.b" } }), 400, 50027, "invalid_request"],
    [
      "claims that are no object",
      () => ({ form: { client_assertion: `${text({ alg: "PS256" })}.${text([])}.AA` } }),
      400,
      50027,
      "invalid_request",
    ],
    ["another algorithm", () => ({ header: { alg: "PS512" } }), 400, 50027, "invalid_request"],
    ["the algorithm none", () => ({ header: { alg: "none" } }), 400, 50027, "invalid_request"],
    ["no thumbprint", () => ({ header: { "x5t#S256": undefined } }), 401, 700027, "invalid_client"],
    [
      "an unknown certificate",
      () => ({ header: { "x5t#S256": stranger.x5tS256 }, key: stranger.privateKey }),
      401,
      700027,
      "invalid_client",
    ],
    [
      "a SHA-256 thumbprint in x5t",
      () => ({ header: { "x5t#S256": undefined, x5t: current.x5tS256 } }),
      401,
      700027,
      "invalid_client",
    ],
    ["a signature by another key", () => ({ key: stranger.privateKey }), 401, 700027, "invalid_client"],
    [
      "an expired certificate",
      () => ({ header: { "x5t#S256": expired.x5tS256 }, key: expired.privateKey }),
      401,
      1000502,
      "invalid_client",
    ],
    [
      "another tenant as audience",
      () => ({ claims: { aud: `https://login.microsoftonline.com/${home}/oauth2/v2.0/token` } }),
      401,
      700023,
      "invalid_client",
    ],
    [
      "another host as audience",
      () => ({ claims: { aud: `${base()}/${customer}/oauth2/v2.0/token` } }),
      401,
      700023,
      "invalid_client",
    ],
    ["a list of audiences", () => ({ claims: { aud: [`x`] } }), 400, 50027, "invalid_request"],
    ["a subject other than the issuer", () => ({ claims: { sub: randomUUID() } }), 401, 50048, "invalid_client"],
    [
      "an issuer other than the client",
      () => ({ claims: { iss: identityClientId, sub: identityClientId } }),
      401,
      700021,
      "invalid_client",
    ],
    ["an expired assertion", () => ({ claims: { exp: seconds() - 1 } }), 401, 700024, "invalid_client"],
    ["an assertion for later", () => ({ claims: { nbf: seconds() + 330 } }), 401, 700024, "invalid_client"],
    ["an assertion for two days", () => ({ claims: { exp: seconds() + 172_800 } }), 401, 700024, "invalid_client"],
    ["an expiry that is text", () => ({ claims: { exp: String(seconds() + 60) } }), 400, 50027, "invalid_request"],
    ["no jti", () => ({ claims: { jti: undefined } }), 400, 50027, "invalid_request"],
    ["an unknown client", () => ({ form: { client_id: randomUUID() } }), 400, 700016, "unauthorized_client"],
    ["a tenant without consent", () => ({ tenant: home }), 401, 7000229, "invalid_client"],
    ...["{", "null", "[]", "e30="].map((claims): (typeof refusals)[number] => [
      `the claims ${claims}`,
      () => ({ form: { claims } }),
      400,
      9002313,
      "invalid_request",
    ]),
    ["no scope", () => ({ form: { scope: undefined } }), 400, 70011, "invalid_scope"],
    ["a scope without /.default", () => ({ form: { scope: `${graph}/User.Read` } }), 400, 70011, "invalid_scope"],
    [
      "two scopes",
      () => ({ form: { scope: `${graph}/.default https://vault.azure.net/.default` } }),
      400,
      70011,
      "invalid_scope",
    ],
  ];
  for (const [broken, change, status, code, error] of refusals) {
    test(`with ${broken} is refused with AADSTS${code}`, async () => {
      const requestId = randomUUID();
      const response = await requestToken({ ...change(), headers: { "client-request-id": requestId } });
      const body = await assertRefused(response, status, code, error);
      assert.match(String(body.timestamp), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/);
      assert.match(String(body.trace_id), guid);
      assert.equal(body.correlation_id, requestId);
      assert.equal(body.error_uri, `https://login.microsoftonline.com/error?code=${code}`);
      const trail = `Trace ID: ${body.trace_id} Correlation ID: ${requestId} Timestamp: ${body.timestamp}`;
      assert.ok(String(body.error_description).startsWith(`AADSTS${code}: `));
      assert.ok(String(body.error_description).endsWith(trail));
      assert.equal(entra.audit.at(-1)?.outcome, code);
      assert.equal(entra.audit.at(-1)?.error, error);
    });
  }

  test("with a parameter given twice, or with GET, is refused", async () => {
    const url = `${base()}/${customer}/oauth2/v2.0/token`;
    const twice = new URLSearchParams([
      ["grant_type", "client_credentials"],
      ["grant_type", "password"],
    ]);
    await assertRefused(await fetch(url, { method: "POST", body: twice }), 400, 9000411, "invalid_request");
    await assertRefused(await fetch(url), 400, 900561, "invalid_request");
  });

  test("for a resource that the tenant does not have is refused", async () => {
    entra.blockResource(customer, "https://storage.azure.com");
    const form = { scope: "https://storage.azure.com/.default" };
    await assertRefused(await requestToken({ form }), 400, 500011, "invalid_resource");
    entra.unblockResource(customer, "https://storage.azure.com");
    assert.equal((await requestToken({ form })).status, 200);
  });

  test("is allowed by the consent of its own tenant only, until that is revoked or the tenant is removed", async () => {
    const [tenant, other] = [randomUUID(), randomUUID()];
    entra.grantConsent(tenant, clientId);
    assert.equal(decodeJwt(await accessToken({ tenant })).tid, tenant);
    await assertRefused(await requestToken({ tenant: other }), 401, 7000229, "invalid_client");
    entra.revokeConsent(tenant, clientId);
    await assertRefused(await requestToken({ tenant }), 401, 7000229, "invalid_client");
    entra.removeTenant(tenant);
    await assertRefused(await requestToken({ tenant }), 400, 90002, "invalid_request");
    assert.throws(() => entra.grantConsent(tenant, clientId), /there is no tenant/);
  });

  test("works with each registered certificate until that one is removed", async () => {
    const next = await makeCredential();
    entra.registerCertificate(clientId, next.pem);
    const change = { header: { "x5t#S256": next.x5tS256 }, key: next.privateKey };
    assert.deepEqual([(await requestToken(change)).status, (await requestToken()).status], [200, 200]);
    entra.removeCertificate(clientId, next.x5tS256);
    await assertRefused(await requestToken(change), 401, 700027, "invalid_client");
    assert.equal((await requestToken()).status, 200);
  });

  test("is answered with the forced error of its tenant and client", async () => {
    entra.forceError(customer, 90055);
    const throttled = await requestToken();
    assert.equal(throttled.headers.get("retry-after"), "30");
    await assertRefused(throttled, 429, 90055, "temporarily_unavailable");
    entra.forceError(customer, undefined);
    entra.forceError(customer, 53003, clientId);
    await assertRefused(await requestToken(), 400, 53003, "invalid_grant");
    entra.forceError(customer, undefined, clientId);
    assert.equal((await requestToken()).status, 200);
  });
});

describe("the emulated clock", () => {
  test("determines the assertion's validity, the Date header and the token's times", async () => {
    entra.clockOffsetSeconds = 600;
    const late = await requestToken();
    assert.ok(Math.abs(Date.parse(late.headers.get("date") ?? "") - Date.now() - 600_000) < 5000);
    await assertRefused(late, 401, 700024, "invalid_client");
    entra.clockOffsetSeconds = -240;
    const { exp, iat } = decodeJwt(await accessToken());
    assert.ok(Number(iat) < Date.now() / 1000 - 500 && Number(exp) < Date.now() / 1000 + 5400 - 200);
    entra.clockOffsetSeconds = -600;
    await assertRefused(await requestToken(), 401, 700024, "invalid_client");
  });
});

describe("injected behaviour", () => {
  test("answers a fault instead of the operation, as often as configured", async () => {
    entra.behaviour.faults.push({ operation: "token", times: 1, status: 429, headers: { "retry-after": "7" } });
    const response = await requestToken();
    assert.deepEqual([response.status, response.headers.get("retry-after")], [429, "7"]);
    assert.equal(entra.audit.at(-1)?.outcome, "fault");
    assert.equal((await requestToken()).status, 200);
  });

  test("cuts the connection and delays answers", async () => {
    entra.behaviour = { latencyMs: 60, faults: [{ operation: "keys", times: 1, drop: true }] };
    await assert.rejects(fetch(`${base()}/${customer}/discovery/v2.0/keys`), TypeError);
    const started = performance.now();
    assert.equal((await fetch(`${base()}/${customer}/discovery/v2.0/keys`)).status, 200);
    assert.ok(performance.now() - started >= 55);
  });
});

describe("stop and start", () => {
  test("keep port and state, and do not affect the managed identity endpoint", async () => {
    const { port } = entra;
    await entra.stop();
    await assert.rejects(requestToken(), TypeError);
    assert.equal((await fetch(entra.identityEndpoint)).status, 401);
    await entra.start();
    assert.equal(entra.port, port);
    assert.equal((await requestToken()).status, 200);
    await entra.managedIdentity.stop();
    await assert.rejects(fetch(entra.identityEndpoint), TypeError);
    assert.equal((await requestToken()).status, 200);
    await entra.managedIdentity.start();
    assert.equal((await fetch(entra.identityEndpoint)).status, 401);
  });
});

describe("discovery", () => {
  test("contains the configured host and the tenant, not the host of the request", async () => {
    const authority = `https://login.microsoftonline.com/${customer}`;
    const v2 = await json(fetch(`${base()}/${customer}/v2.0/.well-known/openid-configuration?appid=${clientId}`));
    assert.equal(v2.issuer, `${authority}/v2.0`);
    assert.equal(v2.token_endpoint, `${authority}/oauth2/v2.0/token`);
    assert.equal(v2.jwks_uri, `${authority}/discovery/v2.0/keys?appid=${clientId}`);
    const v1 = await json(fetch(`${base()}/${customer}/.well-known/openid-configuration`));
    assert.equal(v1.issuer, `https://sts.windows.net/${customer}/`);
    assert.equal(v1.jwks_uri, `${authority}/discovery/keys`);
    const common = await json(fetch(`${base()}/common/v2.0/.well-known/openid-configuration`));
    assert.equal(common.issuer, "https://login.microsoftonline.com/{tenantid}/v2.0");
  });

  test("refuses tenants that do not exist", async () => {
    for (const path of ["v2.0/.well-known/openid-configuration", "discovery/keys"]) {
      await assertRefused(await fetch(`${base()}/contoso/${path}`), 400, 90002, "invalid_tenant");
    }
  });

  test("of instances knows Entra's own hosts, and refuses every other like the real service", async () => {
    const ask = (host: string) => {
      const endpoint = `https://${host}/${customer}/oauth2/v2.0/authorize`;
      const query = new URLSearchParams({ "api-version": "1.1", authorization_endpoint: endpoint });
      return fetch(`${base()}/common/discovery/instance?${query}`);
    };
    const known = await json(ask("login.microsoftonline.com"));
    assert.equal(
      known.tenant_discovery_endpoint,
      `https://login.microsoftonline.com/${customer}/v2.0/.well-known/openid-configuration`,
    );
    await assertRefused(await ask("keyhold.example"), 400, 50049, "invalid_instance");
  });

  test("publishes keys with the certificate that names them, and allows caching", async () => {
    const response = await fetch(`${base()}/${customer}/discovery/v2.0/keys`);
    assert.equal(response.headers.get("cache-control"), "max-age=86400, private");
    const { keys } = (await response.json()) as { keys: Record<string, unknown>[] };
    const [key = {}] = keys;
    const [certificate] = key.x5c as string[];
    const thumbprint = createHash("sha1")
      .update(Buffer.from(String(certificate), "base64"))
      .digest("base64url");
    assert.deepEqual([key.kid, key.x5t, key.kty, key.use], [thumbprint, thumbprint, "RSA", "sig"]);
    assert.equal(key.issuer, `https://login.microsoftonline.com/${customer}/v2.0`);
    const headers = { "if-none-match": response.headers.get("etag") ?? "" };
    assert.equal((await fetch(`${base()}/${customer}/discovery/v2.0/keys`, { headers })).status, 304);
  });
});

describe("signing keys", () => {
  const kids = (tenant: string) => (entra.jwks(tenant).keys as { kid: string }[]).map(({ kid }) => kid);
  const signer = async (tenant = customer) => decodeProtectedHeader(await accessToken({ tenant })).kid;

  test("are announced before they sign, and disappear when they are retired", async () => {
    const [old = ""] = kids(customer);
    const next = await entra.announceKey();
    assert.deepEqual(kids(customer), [old, next]);
    assert.equal(await signer(), old);
    const oldToken = await accessToken();
    entra.activateKey(next);
    assert.equal(await signer(), next);
    assert.throws(() => entra.retireKey(next), /activate another/);
    entra.retireKey(old);
    assert.deepEqual(kids(customer), [next]);
    const keys = createRemoteJWKSet(new URL(`${base()}/${customer}/discovery/v2.0/keys`));
    await assert.rejects(jwtVerify(oldToken, keys), { code: "ERR_JWKS_NO_MATCHING_KEY" });
    assert.throws(() => entra.activateKey(old), /no key/);
  });

  test("of one tenant can be replaced at once without affecting those of the others", async () => {
    const tenant = randomUUID();
    entra.grantConsent(tenant, clientId);
    const shared = kids(customer);
    const own = await entra.replaceAllKeys(tenant);
    assert.deepEqual([kids(tenant), kids(customer)], [[own], shared]);
    assert.equal(await signer(tenant), own);
    assert.equal(await signer(), shared[0]);
  });
});

describe("the managed identity endpoint", () => {
  const ask = (query: string, header = entra.identityHeader) =>
    fetch(`${entra.identityEndpoint}?${query}`, { headers: { "x-identity-header": header } });

  test("works with the credential of the Azure SDK", async (t) => {
    const saved = { ...process.env };
    t.after(() => {
      process.env = saved;
    });
    process.env.IDENTITY_ENDPOINT = entra.identityEndpoint;
    process.env.IDENTITY_HEADER = entra.identityHeader;
    const credential = new ManagedIdentityCredential({ clientId: identityClientId });
    const vault = await credential.getToken("https://vault.azure.net/.default");
    const claims = decodeJwt(vault.token);
    assert.equal(claims.aud, "https://vault.azure.net");
    assert.equal(claims.iss, `https://sts.windows.net/${home}/`);
    assert.deepEqual(
      [claims.appid, claims.oid, claims.sub, claims.tid],
      [identityClientId, identityObjectId, identityObjectId, home],
    );
    assert.ok(vault.expiresOnTimestamp > Date.now());

    const caller = await credential.getToken(`api://${api}/.default`);
    const keys = createLocalJWKSet({ keys: entra.jwks(home).keys as { kty: "RSA" }[] });
    const { payload } = await jwtVerify(caller.token, keys, {
      issuer: `https://login.microsoftonline.com/${home}/v2.0`,
      audience: api,
    });
    assert.deepEqual(
      [payload.azp, payload.azpacr, payload.ver, payload.idtyp, payload.roles],
      [identityClientId, "2", "2.0", "app", ["Tokens.Mint"]],
    );
    const nobody = new ManagedIdentityCredential({ clientId: randomUUID() });
    await assert.rejects(nobody.getToken("https://vault.azure.net/.default"));
  });

  test("answers in the shape of App Service", async () => {
    const query = `api-version=2019-08-01&resource=https://storage.azure.com&principal_id=${identityObjectId}`;
    const body = await json(ask(query));
    assert.deepEqual(Object.keys(body).sort(), ["access_token", "client_id", "expires_on", "resource", "token_type"]);
    assert.match(String(body.expires_on), /^\d+$/);
    assert.equal(Number(body.expires_on), decodeJwt(String(body.access_token)).exp);
    assert.equal(body.client_id, identityClientId);
  });

  const good = `api-version=2019-08-01&resource=${api}&client_id=${identityClientId}`;
  test("returns the same token again, even with a withdrawn key, until another one is requested by its hash", async () => {
    const token = async (query: string) => String((await json(ask(query))).access_token);
    const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
    const first = await token(good);
    const withHash = `${good}&token_sha256_to_refresh=${hashOf(first)}`;
    const newer = (query: string) => query.replace("2019-08-01", "2025-03-30");
    await entra.replaceAllKeys();
    assert.equal(await token(good), first);
    assert.equal(await token(withHash), first, "the older version does not know the hash");
    assert.equal(await token(newer(`${good}&token_sha256_to_refresh=${hashOf("another")}`)), first);
    const second = await token(newer(withHash));
    assert.notEqual(second, first);
    assert.equal(await token(newer(withHash)), second, "the hash is no longer that of the token");
    assert.equal(await token(good), second);
  });

  const refusals: [broken: string, query: string, header: string | undefined, status: number][] = [
    ["with a wrong header", good, "guess", 401],
    ["of another version", good.replace("2019-08-01", "2017-09-01"), undefined, 400],
    ["without a resource", good.replace("resource", "audience"), undefined, 400],
    ["for an unknown identity", good.replace(identityClientId, clientId), undefined, 400],
    ["for no identity where none is system-assigned", good.replace("client_id", "x"), undefined, 400],
  ];
  for (const [broken, query, header, status] of refusals) {
    test(`refuses a request ${broken}`, async () => {
      const response = await ask(query, header);
      const body = await json(response);
      assert.deepEqual([response.status, body.statusCode], [status, status]);
      assert.ok(typeof body.message === "string");
      assert.match(String(body.correlationId), guid);
    });
  }
});

describe("caller tokens", () => {
  test("have the usual claims of the identity, any of which can be replaced or omitted", async () => {
    const usual = decodeJwt(await entra.issueToken({ aud: api, azp: identityClientId }));
    assert.deepEqual([usual.oid, usual.roles, usual.ver], [identityObjectId, ["Tokens.Mint"], "2.0"]);
    const claims = { aud: api, roles: ["Other"], idtyp: undefined, scp: "user_impersonation" };
    const hostile = decodeJwt(await entra.issueToken(claims, { tenantId: customer, expiresInSeconds: -10 }));
    assert.deepEqual([hostile.tid, hostile.roles, hostile.scp], [customer, ["Other"], "user_impersonation"]);
    assert.equal("idtyp" in hostile, false);
    assert.ok(Number(hostile.exp) < Date.now() / 1000);
  });
});

describe("continuous access evaluation", () => {
  for (const [claims, least, most] of [
    ['{"access_token":{"xms_cc":{"values":["CP1"]}}}', 20 * 3600, 28 * 3600],
    ['{"access_token":{"xms_cc":{"values":["other"]}}}', 3600, 5400],
    ['{"access_token":{"nbf":{"essential":true}}}', 3600, 5400],
  ] as const) {
    test(`a client with the claims ${claims} gets a token of ${least} to ${most} seconds`, async () => {
      const { expires_in } = await json(requestToken({ form: { claims } }));
      assert.ok(Number(expires_in) >= least && Number(expires_in) <= most, `${expires_in} s`);
    });
  }
});

describe("the audit log", () => {
  test("records each request and its caller, without assertions or tokens", async () => {
    const jti = randomUUID();
    const token = await accessToken({ claims: { jti }, headers: { "client-request-id": "correlated" } });
    const event = entra.audit.at(-1);
    assert.ok(event);
    const { tenantId, outcome, scope, assertion, clientRequestId, tokenSha256 } = event;
    assert.deepEqual(
      [tenantId, event.clientId, outcome, scope, clientRequestId],
      [customer, clientId, "issued", `${graph}/.default`, "correlated"],
    );
    assert.deepEqual([assertion?.jti, assertion?.alg, assertion?.x5tS256], [jti, "PS256", current.x5tS256]);
    assert.equal(tokenSha256, createHash("sha256").update(token).digest("hex"));
    await requestToken({ form: { claims: '{"access_token":{"nbf":null}}' } });
    assert.equal(entra.audit.at(-1)?.claims, '{"access_token":{"nbf":null}}');
    // A client that mixes its fields up must not get its assertion into the log either.
    await requestToken({ form: { scope: token, client_id: `x${token}` }, claims: { jti: token } });
    assert.equal(entra.audit.at(-1)?.scope, "(struck out)");
    assert.doesNotMatch(JSON.stringify(entra.audit), /eyJ/);
  });
});

describe("the control routes", () => {
  async function control(method: string, path: string, input: { body?: unknown; query?: string } = {}) {
    const route = entra.control.find((r) => r.method === method && r.path === path);
    assert.ok(route, `${method} ${path}`);
    return route.handle({ body: input.body, query: new URLSearchParams(input.query) });
  }

  test("register an application, its certificate and a tenant's consent", async () => {
    const [app, tenant] = [randomUUID(), randomUUID()];
    await control("POST", "/applications", { body: { clientId: app, name: "second" } });
    await control("POST", "/certificates", { body: { clientId: app, certificatePem: current.pem } });
    await control("PUT", "/consent", { body: { tenantId: tenant, clientId: app, granted: true } });
    const change = { tenant, claims: { iss: app, sub: app }, form: { client_id: app } };
    assert.equal((await requestToken(change)).status, 200);
    const listed = (await control("GET", "/applications")) as { clientId: string; certificates: object[] }[];
    assert.equal(listed.find((a) => a.clientId === app)?.certificates.length, 1);
    await control("DELETE", "/certificates", { query: `clientId=${app}&x5tS256=${current.x5tS256}` });
    await assertRefused(await requestToken(change), 401, 700027, "invalid_client");
    await control("DELETE", "/tenants", { query: `tenantId=${tenant}` });
    await assertRefused(await requestToken(change), 400, 90002, "invalid_request");
  });

  test("set behaviour, clock and forced errors, and clear the audit log", async () => {
    await control("PUT", "/behaviour", { body: { faults: [{ operation: "token", times: 1, status: 503 }] } });
    assert.equal((await requestToken()).status, 503);
    assert.deepEqual(await control("GET", "/behaviour"), { latencyMs: 0, faults: [] });
    await control("PUT", "/clock", { body: { offsetSeconds: 30 } });
    assert.equal(entra.clockOffsetSeconds, 30);
    await control("PUT", "/forced-error", { body: { tenantId: customer, code: 500011 } });
    await assertRefused(await requestToken(), 400, 500011, "invalid_resource");
    await control("PUT", "/forced-error", { body: { tenantId: customer, code: null } });
    assert.equal((await requestToken()).status, 200);
    await control("DELETE", "/audit");
    assert.deepEqual(await control("GET", "/audit"), []);
  });

  test("roll keys and issue caller tokens", async () => {
    type Listed = { kid: string; active: boolean }[];
    const announced = (await control("POST", "/keys", { body: { action: "announce", tenantId: customer } })) as Listed;
    assert.deepEqual(
      announced.map(({ active }) => active),
      [true, false],
    );
    const kid = announced[1]?.kid;
    const activated = await control("POST", "/keys", { body: { action: "activate", kid, tenantId: customer } });
    assert.deepEqual(
      (activated as Listed).map(({ active }) => active),
      [false, true],
    );
    assert.deepEqual(await control("GET", "/keys", { query: `tenantId=${customer}` }), activated);
    const query = `clientId=${identityClientId}&audience=${api}`;
    const { token } = (await control("GET", "/caller-token", { query })) as { token: string };
    assert.deepEqual(decodeJwt(token).roles, ["Tokens.Mint"]);
    const issued = (await control("POST", "/token", { body: { claims: { aud: api } } })) as { token: string };
    assert.equal(decodeJwt(issued.token).aud, api);
  });

  test("answer invalid input with a control error", async () => {
    const bad: [string, string, { body?: unknown; query?: string }][] = [
      ["PUT", "/behaviour", { body: { faults: [{ operation: "KeySign" }] } }],
      ["POST", "/applications", { body: { clientId: "x", name: "n" } }],
      ["POST", "/certificates", { body: { clientId, certificatePem: "nonsense" } }],
      ["POST", "/certificates", { body: { clientId, certificatePem: "-----BEGIN PRIVATE KEY-----" } }],
      ["PUT", "/consent", { body: { tenantId: customer, clientId } }],
      ["POST", "/keys", { body: { action: "activate", kid: "nowhere" } }],
      ["GET", "/caller-token", { query: `clientId=${clientId}&audience=${api}` }],
    ];
    for (const [method, path, input] of bad) await assert.rejects(control(method, path, input), ControlError);
  });
});
