/**
 * The emulated Entra with Microsoft Graph, an application with one certificate, and a monitoring identity that may read
 * the directory. Connections to the production names go to the emulator; TLS checks the production names.
 */
import { constants, createHash, type KeyObject, sign } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import type { TokenCredential } from "@azure/identity";
import type { Application } from "../../../../local/emulators/entra/application-registry.ts";
import { type EntraEmulator, startEntra } from "../../../../local/emulators/entra/emulator.ts";
import { generateSigningKey } from "../../../../local/emulators/entra/signing-key.ts";
import { openCertificateAuthority } from "../../../../local/emulators/shared/certificate-authority.ts";
import { parseGuid } from "../../../../src/domain/shared/guid.ts";
import type { KeyWithCertificate } from "../../../support/fixtures/certificates.ts";
import { elsewhere, type ScriptedGraph, startScriptedGraph } from "./scripted-graph.ts";

const graphResource = "https://graph.microsoft.com";
export const homeTenantId = "11111111-1111-4111-8111-111111111111";
export const clientId = guid("33333333-3333-4333-8333-333333333333");
/** Managed identities by what they may do in Graph. */
export const reader = identity("22222222-2222-4222-8222-222222222221", ["Application.Read.All"]);
export const writer = identity("22222222-2222-4222-8222-222222222222", ["Application.ReadWrite.All"]);
export const stranger = identity("22222222-2222-4222-8222-222222222223", []);

export const ours = await makeKey();
export const attacker = await makeKey();

export interface GraphWorld {
  entra: EntraEmulator;
  /** Under the name of the US Government's Graph. */
  scripted: ScriptedGraph;
  application(): Application;
  credential(of: { clientId: string }): TokenCredential;
  token(of: { clientId: string }, resource?: string): Promise<string>;
  /** Of Graph, as JSON; `options` as for `fetch`. */
  graph(path: string, token: string, options?: RequestInit): Promise<{ status: number; body: GraphBody }>;
  /** A token request of the client in the home tenant with this assertion. */
  redeem(assertion: string, scope?: string): Promise<{ status: number; body: GraphBody }>;
  reset(): void;
  stop(): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: what tests look at differs from path to path.
export type GraphBody = any;

export async function startGraphWorld(): Promise<GraphWorld> {
  const folder = await mkdtemp(join(tmpdir(), "graph-"));
  const authority = await openCertificateAuthority(folder);
  setDefaultCACertificates([...getCACertificates("default"), authority.certificate]);
  const hosts = ["login.microsoftonline.com", "graph.microsoft.com"];
  const scriptedHosts = ["graph.microsoft.us", elsewhere];
  const tls = await authority.issue(["localhost", ...hosts, ...scriptedHosts]);
  const entra = await startEntra({ port: 0, tls, managedIdentityPort: 0, homeTenantId });
  for (const each of [reader, writer, stranger]) entra.registerManagedIdentity(each);
  const scripted = await startScriptedGraph(tls);
  process.env.LOCAL_ROUTES = JSON.stringify({
    ...Object.fromEntries(hosts.map((host) => [host, entra.port])),
    ...Object.fromEntries(scriptedHosts.map((host) => [host, scripted.port])),
  });
  await import("../../../../local/stack/network/redirect.ts");

  const token: GraphWorld["token"] = async (of, resource = graphResource) => {
    const url = new URL(entra.identityEndpoint);
    url.search = `${new URLSearchParams({ "api-version": "2019-08-01", resource, client_id: of.clientId })}`;
    const response = await fetch(url, { headers: { "X-IDENTITY-HEADER": entra.identityHeader } });
    return ((await response.json()) as { access_token: string }).access_token;
  };
  const world: GraphWorld = {
    ...{ entra, scripted, token, application: () => entra.application(clientId) },
    credential: (of) => ({
      async getToken(scope) {
        const resource = `${scope}`.replace(/\/\.default$/, "");
        return { token: await token(of, resource), expiresOnTimestamp: Date.now() + 3_600_000 };
      },
    }),
    async graph(path, bearer, options = {}) {
      const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json", ...options.headers };
      const response = await fetch(new URL(path, `${graphResource}/v1.0/`), { ...options, headers });
      const text = await response.text();
      return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
    },
    async redeem(assertion, scope = `${graphResource}/.default`) {
      const body = new URLSearchParams({
        ...{ grant_type: "client_credentials", client_id: clientId, scope, client_assertion: assertion },
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      });
      const url = `https://login.microsoftonline.com/${homeTenantId}/oauth2/v2.0/token`;
      const response = await fetch(url, { method: "POST", body });
      return { status: response.status, body: await response.json() };
    },
    reset() {
      entra.behaviour = { latencyMs: 0, faults: [] };
      entra.registerApplication({ clientId, name: "orders-app" });
      const { servicePrincipal } = Object.assign(world.application(), { passwords: [], federated: [] });
      world.application().certificates.clear();
      servicePrincipal.certificates.clear();
      servicePrincipal.passwords.length = 0;
      world.application().lock = { ...fullLock };
      entra.registerCertificate(clientId, ours.pem);
      entra.grantConsent(homeTenantId, clientId);
      entra.graphAudit.length = 0;
      scripted.answers = {};
      scripted.asked.length = 0;
    },
    async stop() {
      await Promise.all([entra.stop(), entra.managedIdentity.stop(), scripted.stop()]);
      await rm(folder, { recursive: true });
    },
  };
  world.reset();
  return world;
}

const unset = { credentialsWithUsageVerify: null, credentialsWithUsageSign: null, tokenEncryptionKeyId: null };
export const fullLock = { isEnabled: true, allProperties: true, ...unset };

/** A federated credential that trusts the managed identity. */
export function federationOf(subject: string) {
  const issuer = `https://login.microsoftonline.com/${homeTenantId}/v2.0`;
  return { issuer, subject, audiences: ["api://AzureADTokenExchange"] };
}

export function derOf({ pem }: { pem: string }): string {
  return pem.replace(/-----[^-]+-----|\n/g, "");
}

/** A JWT that a certificate's key has signed, named by either thumbprint. */
export function signJwt(
  by: KeyWithCertificate,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): string {
  const x5tS256 = createHash("sha256").update(derOf(by), "base64").digest("base64url");
  const full = { alg: "PS256", typ: "JWT", "x5t#S256": x5tS256, ...header };
  const text = [full, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${signText(text, full.alg, by.privateKey)}`;
}

function signText(text: string, alg: unknown, key: KeyObject): string {
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const jwk = key.export({ format: "jwk" });
  return sign("sha256", Buffer.from(text), {
    ...{ key: jwk, format: "jwk" as const },
    ...(alg === "PS256" ? pss : {}),
  }).toString("base64url");
}

/** A valid client assertion for the home tenant. */
export function assertionBy(by: KeyWithCertificate): string {
  const now = Math.floor(Date.now() / 1000);
  const aud = `https://login.microsoftonline.com/${homeTenantId}/oauth2/v2.0/token`;
  return signJwt(by, { aud, iss: clientId, sub: clientId, jti: crypto.randomUUID(), nbf: now - 5, exp: now + 60 });
}

/** A key with a certificate that is valid now: the emulator keeps real time. */
export async function makeKey(): Promise<KeyWithCertificate> {
  const { certificate, privateKey } = await generateSigningKey({ name: "CN=orders-app" });
  return { privateKey, pem: `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----` };
}

function guid(text: string) {
  const parsed = parseGuid(text);
  if (parsed === undefined) throw new TypeError("not a GUID");
  return parsed;
}

function identity(id: string, roles: string[]) {
  return { clientId: id, objectId: id.replace(/^2222/, "aaaa"), name: id, appRoles: { [graphResource]: roles } };
}
