/**
 * Workload identity federation with a managed identity: its token is the client assertion of an application that has a
 * federated credential for the identity. Other issuers are not emulated, and nothing is fetched from them.
 */
import { createPublicKey } from "node:crypto";
import { AadstsError } from "./aadsts-error.ts";
import type { Application, FederatedCredential } from "./application-registry.ts";
import type { Assertion } from "./client-assertion.ts";
import { isSignedBy } from "./client-assertion-check.ts";
import { issuerOf } from "./discovery.ts";
import type { EntraState } from "./state.ts";

/**
 * The resource that a federated credential of the public cloud names. The token's audience is the resource's own id.
 */
export const exchangeResource = "api://AzureADTokenExchange";
export const exchangeAudience = "fb60f99c-7a34-4190-8149-302f77469936";

/**
 * Whether the issuer is a URL (OpenID Connect Core §2). In an assertion signed by a certificate it is the client id.
 */
export function isFederated({ claims }: Assertion): boolean {
  return typeof claims.iss === "string" && claims.iss.startsWith("https://");
}

/**
 * @throws the AADSTS error. The number for each mismatch is known from public reports; the order of the checks is our
 * guess.
 */
export function checkFederatedAssertion(
  state: EntraState,
  assertion: Assertion,
  application: Application | undefined,
): void {
  if (application === undefined) throw new AadstsError(700016);
  const { iss, sub, aud } = assertion.claims;
  findFederation(application.federated, { iss, sub, aud });
  if (iss !== issuerOf(state.authorityHost, state.homeTenantId, 2)) throw new AadstsError(50166);
  const key = state.keys.published(state.homeTenantId).find(({ kid }) => kid === assertion.header.kid);
  const isGenuine =
    key && assertion.header.alg === "RS256" && isSignedBy(assertion, "RS256", createPublicKey(key.privateKey));
  if (!isGenuine) throw new AadstsError(50013);
  // A managed identity's token is valid for a day or more, so the limit for an application's own assertions does not
  // apply.
  if (Number(assertion.claims.exp) * 1000 <= state.now()) throw new AadstsError(700024);
  if (typeof sub !== "string" || !state.identities.byObjectId(sub)) throw new AadstsError(700226);
}

function findFederation(listed: FederatedCredential[], { iss, sub, aud }: Record<string, unknown>): void {
  if (listed.length === 0) throw new AadstsError(70025);
  const sameIssuer = listed.filter(({ issuer }) => issuer === iss);
  if (sameIssuer.length === 0) throw new AadstsError(700211);
  const sameSubject = sameIssuer.filter(({ subject }) => subject === sub);
  if (sameSubject.length === 0) {
    const isOtherCase = sameIssuer.some(({ subject }) => subject.toLowerCase() === `${sub}`.toLowerCase());
    throw new AadstsError(isOtherCase ? 7002138 : 700213);
  }
  const wanted = aud === exchangeAudience ? exchangeResource : aud;
  if (!sameSubject.some(({ audiences }) => audiences.some((each) => each === wanted))) throw new AadstsError(700212);
}
