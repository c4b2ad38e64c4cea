import assert from "node:assert/strict";
import { createHash, randomUUID, X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:https";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { SignedXml } from "xml-crypto";
import { type EntraEmulator, startEntra } from "../../local/emulators/entra/emulator.ts";
import { forgeFederationMetadata } from "../../local/emulators/entra/forged-metadata.ts";
import {
  type CertificateAuthority,
  openCertificateAuthority,
} from "../../local/emulators/shared/certificate-authority.ts";
import { ControlError } from "../../local/emulators/shared/control-route.ts";

/** As much of the DOM as is used here. The parser's own types would bring those of a browser into every file. */
interface XmlElement {
  readonly nodeType: number;
  readonly namespaceURI: string | null;
  readonly localName: string;
  readonly textContent: string;
  readonly parentNode: XmlElement | null;
  readonly childNodes: ArrayLike<XmlElement>;
  getAttribute(name: string): string;
  /** XML. */
  toString(): string;
  getElementsByTagNameNS(namespace: string, name: string): ArrayLike<XmlElement>;
}
const { DOMParser } = createRequire(import.meta.url)("@xmldom/xmldom") as {
  DOMParser: new (
    options: object,
  ) => {
    parseFromString(text: string, type: string): { documentElement: XmlElement | null };
  };
};

const home = randomUUID();
const metadataNamespace = "urn:oasis:names:tc:SAML:2.0:metadata";
const signatureNamespace = "http://www.w3.org/2000/09/xmldsig#";
const federationNamespace = "http://docs.oasis-open.org/wsfed/federation/200706";
const exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";

let folder: string;
let authority: CertificateAuthority;
let entra: EntraEmulator;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "entra-metadata-test-"));
  authority = await openCertificateAuthority(folder);
  const tls = await authority.issue(["login.microsoftonline.com"]);
  entra = await startEntra({ port: 0, tls, managedIdentityPort: 0, homeTenantId: home });
});

after(async () => {
  await Promise.all([entra.stop(), entra.managedIdentity.stop()]);
  await rm(folder, { recursive: true });
});

function get(path: string, headers: Record<string, string> = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    headers: Record<string, unknown>;
    body: string;
  }>();
  const asked = request({
    host: "127.0.0.1",
    port: entra.port,
    servername: "login.microsoftonline.com",
    ca: authority.certificate,
    agent: false,
    path,
    headers,
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

const metadataPath = (tenant: string, query = "") =>
  `/${tenant}/federationmetadata/2007-06/federationmetadata.xml${query}`;

async function getJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse((await get(path)).body) as Record<string, unknown>;
}

interface PublishedKey {
  kid: string;
  issuer: string;
  x5c: string[];
}

async function publishedKeys(path: string): Promise<PublishedKey[]> {
  return (await getJson(path)).keys as PublishedKey[];
}

const kidsOf = (keys: object[]) => (keys as PublishedKey[]).map(({ kid }) => kid);

const thumbprint = (certificate: string) =>
  createHash("sha1").update(Buffer.from(certificate, "base64")).digest("base64url");

function parse(document: string): XmlElement {
  const fail = (message: string) => {
    throw new Error(message);
  };
  const errorHandler = { warning: fail, error: fail, fatalError: fail };
  const root = new DOMParser({ errorHandler }).parseFromString(document, "text/xml").documentElement;
  assert.ok(root);
  return root;
}

function elements(parent: XmlElement, namespace: string, name: string): XmlElement[] {
  return Array.from(parent.getElementsByTagNameNS(namespace, name));
}

function children(parent: XmlElement): XmlElement[] {
  return Array.from(parent.childNodes).filter(({ nodeType }) => nodeType === 1);
}

/** The signed bytes, verified with this certificate alone; throws where anything is not as it must be. */
function verify(document: string, certificate: string): string {
  assert.doesNotMatch(document, /<!DOCTYPE|<!ENTITY/);
  const root = parse(document);
  assert.deepEqual([root.namespaceURI, root.localName], [metadataNamespace, "EntityDescriptor"]);
  const id = root.getAttribute("ID") ?? "";
  assert.match(id, /^_[0-9a-f-]{36}$/);
  const signatures = elements(root, signatureNamespace, "Signature");
  assert.deepEqual([signatures.length, signatures[0]?.parentNode], [1, root]);
  const [signature] = signatures;
  assert.ok(signature);
  const ids = [...document.matchAll(/\s(?:ID|Id|id)="/g)];
  assert.equal(ids.length, 1);
  const publicCert = new X509Certificate(Buffer.from(certificate, "base64")).toString();
  const signed = new SignedXml({ publicCert, getCertFromKeyInfo: () => null });
  signed.loadSignature(signature.toString());
  assert.equal(signed.signatureAlgorithm, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256");
  assert.equal(signed.canonicalizationAlgorithm, exclusive);
  const [reference, ...others] = signed.getReferences();
  assert.deepEqual([reference?.uri, others], [`#${id}`, []]);
  assert.equal(reference?.digestAlgorithm, "http://www.w3.org/2001/04/xmlenc#sha256");
  assert.deepEqual(reference.transforms, ["http://www.w3.org/2000/09/xmldsig#enveloped-signature", exclusive]);
  assert.equal(signed.checkSignature(document), true);
  const [bytes, ...more] = signed.getSignedReferences();
  assert.ok(bytes);
  assert.deepEqual(more, []);
  return bytes;
}

/** What a verified document says. The signer is the certificate in KeyInfo, which must be among those listed. */
function read(document: string) {
  const [keyInfo] = elements(parse(document), signatureNamespace, "KeyInfo");
  const signer = keyInfo?.textContent ?? "";
  const root = parse(verify(document, signer));
  const sections = children(root);
  const certificates = sections.map((section) =>
    children(section)
      .filter(({ localName }) => localName === "KeyDescriptor")
      .map((descriptor) => {
        assert.equal(descriptor.getAttribute("use"), "signing");
        return thumbprint(elements(descriptor, signatureNamespace, "X509Certificate")[0]?.textContent ?? "");
      }),
  );
  const [sts = [], application = [], idp = []] = certificates;
  assert.deepEqual([application, idp], [sts, sts]);
  assert.ok(sts.includes(thumbprint(signer)));
  return { root, sections, entityId: root.getAttribute("entityID"), signer: thumbprint(signer), kids: sts };
}

describe("the federation metadata", () => {
  test("is signed by the active one of its listed keys, which are those of the key set", async () => {
    const tenant = randomUUID();
    const next = await entra.announceKey(tenant);
    const { status, headers, body } = await get(metadataPath(tenant));
    assert.deepEqual([status, headers["content-type"]], [200, "application/samlmetadata+xml"]);
    const { entityId, kids, signer } = read(body);
    assert.equal(entityId, `https://sts.windows.net/${tenant}/`);
    assert.deepEqual(kids, kidsOf(await publishedKeys(`/${tenant}/discovery/v2.0/keys`)));
    assert.deepEqual([kids.length, kids[1], signer], [2, next, kids[0]]);
    assert.equal(body, entra.federationMetadata(tenant));
  });

  test("has the sections and endpoints of the real document", () => {
    const tenant = randomUUID();
    const { root, sections } = read(entra.federationMetadata(tenant));
    const authorityUrl = `https://login.microsoftonline.com/${tenant}`;
    const described = sections.map((section) => [
      section.localName,
      section.getAttribute("xsi:type") || section.getAttribute("protocolSupportEnumeration"),
    ]);
    assert.deepEqual(described, [
      ["RoleDescriptor", "fed:SecurityTokenServiceType"],
      ["RoleDescriptor", "fed:ApplicationServiceType"],
      ["IDPSSODescriptor", "urn:oasis:names:tc:SAML:2.0:protocol"],
    ]);
    const endpoints = children(sections[2] ?? root)
      .filter(({ localName }) => localName !== "KeyDescriptor")
      .map((e) => [e.localName, e.getAttribute("Binding"), e.getAttribute("Location")]);
    const binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-";
    assert.deepEqual(endpoints, [
      ["SingleLogoutService", `${binding}Redirect`, `${authorityUrl}/saml2`],
      ["SingleSignOnService", `${binding}Redirect`, `${authorityUrl}/saml2`],
      ["SingleSignOnService", `${binding}POST`, `${authorityUrl}/saml2`],
    ]);
    const passive = elements(root, federationNamespace, "PassiveRequestorEndpoint");
    assert.deepEqual(
      passive.map(({ textContent }) => textContent),
      [`${authorityUrl}/wsfed`, `${authorityUrl}/wsfed`],
    );
    assert.equal(elements(root, federationNamespace, "SecurityTokenServiceEndpoint").length, 1);
    const claimTypes = "http://docs.oasis-open.org/wsfed/authorization/200706";
    assert.ok(elements(root, claimTypes, "ClaimType").length > 1);
  });

  test("is not verified by another listed certificate, or after a change of one byte", async () => {
    const tenant = randomUUID();
    await entra.announceKey(tenant);
    const document = entra.federationMetadata(tenant);
    const [active, announced] = (entra.jwks(tenant).keys as PublishedKey[]).map(({ x5c }) => x5c[0] ?? "");
    assert.ok(active && announced);
    verify(document, active);
    assert.throws(() => verify(document, announced));
    assert.throws(() => verify(document.replace("/wsfed<", "/wsfex<"), active));
  });

  test("stays the same byte for byte until the keys change, and is different after every change", async () => {
    const tenant = randomUUID();
    const seen = new Set<string>();
    const fetchTwice = async () => {
      const [first, second] = [await get(metadataPath(tenant)), await get(metadataPath(tenant.toUpperCase()))];
      assert.deepEqual([first.body, first.headers.etag], [second.body, second.headers.etag]);
      assert.ok(!seen.has(first.body));
      seen.add(first.body);
      return read(first.body);
    };
    const { signer: old } = await fetchTwice();
    const next = await entra.announceKey(tenant);
    assert.deepEqual(await fetchTwice().then(({ signer, kids }) => [signer, kids]), [old, [old, next]]);
    entra.activateKey(next, tenant);
    assert.deepEqual(await fetchTwice().then(({ signer, kids }) => [signer, kids]), [next, [old, next]]);
    entra.retireKey(old, tenant);
    assert.deepEqual(await fetchTwice().then(({ signer, kids }) => [signer, kids]), [next, [next]]);
    const emergency = await entra.replaceAllKeys(tenant);
    assert.deepEqual(await fetchTwice().then(({ signer, kids }) => [signer, kids]), [emergency, [emergency]]);
  });

  test("is answered with 304 for a client that has it, under any spelling of the path", async () => {
    const tenant = randomUUID();
    const { headers, body } = await get(metadataPath(tenant));
    assert.equal(headers["cache-control"], "max-age=86400, private");
    const etag = String(headers.etag);
    const again = await get(metadataPath(tenant), { "if-none-match": etag });
    assert.deepEqual([again.status, again.body, again.headers.etag], [304, "", etag]);
    const spelt = await get(`/${tenant}/FederationMetadata/2007-06/FederationMetadata.xml`);
    assert.equal(spelt.body, body);
    await entra.announceKey(tenant);
    assert.equal((await get(metadataPath(tenant), { "if-none-match": etag })).status, 200);
  });

  test("is refused for a tenant that does not exist, and fails on command", async () => {
    const { status, body } = await get(metadataPath("contoso"));
    assert.deepEqual([status, JSON.parse(body).error_codes], [400, [90002]]);
    entra.behaviour = { latencyMs: 0, faults: [{ operation: "federationMetadata", times: 1, status: 503 }] };
    assert.equal((await get(metadataPath(home))).status, 503);
    assert.equal((await get(metadataPath(home))).status, 200);
  });
});

test("key sets contain the certificate of every key, and kid, x5t, x5c, n and e agree like Entra's", async () => {
  for (const tenant of [home, "common"]) {
    for (const key of (await getJson(`/${tenant}/discovery/v2.0/keys`)).keys as JsonWebKey[]) {
      const { kid, x5t, x5c, n, e } = key as JsonWebKey & { kid: string; x5t: string; x5c: string[] };
      const { publicKey, raw } = new X509Certificate(Buffer.from(x5c[0] ?? "", "base64"));
      assert.equal(raw.toString("base64"), x5c[0]);
      assert.deepEqual([kid, x5t], [thumbprint(x5c[0] ?? ""), thumbprint(x5c[0] ?? "")]);
      const own = publicKey.export({ format: "jwk" });
      assert.deepEqual([n, e, e], [own.n, own.e, "AQAB"]);
    }
  }
});

describe("the tenant-independent endpoints", () => {
  for (const endpoint of ["common", "organizations", "consumers"]) {
    test(`of ${endpoint} do not name a tenant, and name the issuer of each key`, async () => {
      const { entityId, kids } = read((await get(metadataPath(endpoint))).body);
      assert.equal(entityId, "https://sts.windows.net/{tenantid}/");
      const discovery = await getJson(`/${endpoint}/v2.0/.well-known/openid-configuration`);
      const open = "https://login.microsoftonline.com/{tenantid}/v2.0";
      const consumer = "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";
      assert.equal(discovery.issuer, open);
      const keys = await publishedKeys(`/${endpoint}/discovery/v2.0/keys`);
      const issuers = keys.map(({ issuer }) => issuer);
      assert.deepEqual(issuers, [...kids.map(() => open), consumer]);
      assert.deepEqual(kidsOf(keys).slice(0, -1), kids);
      const tenantKids = kidsOf(await publishedKeys(`/${randomUUID()}/discovery/v2.0/keys`));
      assert.deepEqual(tenantKids, kids);
    });
  }
});

describe("the documents of an application", () => {
  test("are those of its tenant while it has no keys of its own", async () => {
    const [tenant, appId] = [randomUUID(), randomUUID()];
    const asked = await get(metadataPath(tenant, `?appid=${appId}`));
    assert.equal(asked.body, (await get(metadataPath(tenant))).body);
    assert.throws(() => entra.activateKey(read(asked.body).signer, tenant, { appId }), /no keys of its own/);
    await assert.rejects(entra.announceKey(undefined, { appId }), /belong to a tenant/);
  });

  test("list only its own keys once it has some, and are signed by the active one of them", async () => {
    const [tenant, appId] = [randomUUID(), randomUUID()];
    const query = `?appid=${appId.toUpperCase()}`;
    const ofTenant = await get(metadataPath(tenant));
    const first = await entra.announceKey(tenant, { appId });
    const before = read((await get(metadataPath(tenant, query))).body);
    assert.deepEqual([before.signer, before.kids], [first, [first]]);
    assert.equal(before.entityId, `https://sts.windows.net/${tenant}/`);

    const next = await entra.announceKey(tenant, { appId });
    const announced = read((await get(metadataPath(tenant, query))).body);
    assert.deepEqual([announced.signer, announced.kids], [first, [first, next]]);
    entra.activateKey(next, tenant, { appId });
    entra.retireKey(first, tenant, { appId });
    const rolled = read((await get(metadataPath(tenant, query))).body);
    assert.deepEqual([rolled.signer, rolled.kids], [next, [next]]);
    const emergency = await entra.replaceAllKeys(tenant, { appId });
    assert.deepEqual(read(entra.federationMetadata(tenant, { appId })).kids, [emergency]);

    const discovery = await getJson(`/${tenant}/v2.0/.well-known/openid-configuration${query}`);
    const { pathname, search } = new URL(String(discovery.jwks_uri));
    assert.deepEqual(kidsOf(await publishedKeys(`${pathname}${search}`)), [emergency]);
    assert.deepEqual(kidsOf(entra.jwks(tenant, { appId }).keys), [emergency]);
    assert.equal((await get(metadataPath(tenant))).body, ofTenant.body);
    const elsewhere = read((await get(metadataPath(randomUUID(), query))).body);
    assert.deepEqual(elsewhere.kids, read(ofTenant.body).kids);
  });

  test("follow the control routes", async () => {
    const [tenantId, appId] = [randomUUID(), randomUUID()];
    const route = entra.control.find(({ method, path }) => method === "POST" && path === "/keys");
    assert.ok(route);
    const roll = async (body: object) =>
      (await route.handle({ body, query: new URLSearchParams() })) as { kid: string; active: boolean }[];
    const active = (keys: { active: boolean }[]) => keys.map((key) => key.active);
    assert.deepEqual(active(await roll({ action: "announce", tenantId, appId })), [true]);
    const announced = await roll({ action: "announce", tenantId, appId });
    assert.deepEqual(active(announced), [true, false]);
    const kid = announced[1]?.kid;
    assert.deepEqual(active(await roll({ action: "activate", kid, tenantId, appId })), [false, true]);
    assert.equal(read(entra.federationMetadata(tenantId, { appId })).signer, kid);
    assert.equal((await roll({ action: "replace", tenantId, appId })).length, 1);
    await assert.rejects(roll({ action: "announce", appId }), ControlError);
    const list = entra.control.find(({ method, path }) => method === "GET" && path === "/keys");
    assert.ok(list);
    const query = new URLSearchParams({ tenantId, appId });
    assert.equal(((await list.handle({ body: undefined, query })) as object[]).length, 1);
  });
});

describe("a forged document", () => {
  test("differs from a genuine one only in its key", async () => {
    const tenantId = randomUUID();
    const forgery = await forgeFederationMetadata({ tenantId });
    const [forged, genuine] = [read(forgery.document), read(entra.federationMetadata(tenantId))];
    assert.equal(forged.entityId, genuine.entityId);
    assert.deepEqual([forged.kids, forged.signer], [kidsOf(forgery.jwks.keys), forgery.keys[0].kid]);
    assert.ok(!genuine.kids.includes(forged.signer));
    const [genuineKey] = entra.jwks(tenantId).keys as PublishedKey[];
    assert.deepEqual(Object.keys(forgery.jwks.keys[0] ?? {}), Object.keys(genuineKey ?? {}));
    const again = await forgeFederationMetadata({ tenantId, keys: forgery.keys });
    assert.deepEqual(read(again.document).kids, forged.kids);
    assert.throws(() => verify(forgery.document, genuineKey?.x5c[0] ?? ""));
  });
});
