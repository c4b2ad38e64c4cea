/**
 * Checks a client assertion (private_key_jwt) in the order of the real service and throws the AADSTS error that the
 * service would answer. A `jti` used before is accepted, as Entra accepts it: an assertion is valid until it expires.
 */
import { constants, type KeyObject, verify } from "node:crypto";
import { AadstsError } from "./aadsts-error.ts";
import type { Application } from "./application-registry.ts";
import type { Assertion } from "./client-assertion.ts";
import type { RegisteredCertificate, RegisteredCertificates } from "./registered-certificate.ts";

const nbfSkewSeconds = 300;
const longestLifetimeSeconds = 24 * 60 * 60;

/** `application` is undefined if nothing is registered under the client id. */
export function checkAssertion(
  assertion: Assertion,
  application: Application | undefined,
  expected: { clientId: string; tenantId: string; homeTenantId: string; authorityHost: string; now: number },
): void {
  const { header, claims } = assertion;
  if (header.alg !== "PS256" && header.alg !== "RS256") {
    throw new AadstsError(50027, "JWT token is invalid or malformed: its signing algorithm is not supported.");
  }
  // Without a registration there are no certificates in which to look up the key.
  if (application === undefined) throw new AadstsError(700016);
  const certificate = findCertificate(header, application.certificates, ownCertificates(application, expected));
  if (!isSignedBy(assertion, header.alg, certificate.publicKey)) {
    throw new AadstsError(
      700027,
      "Client assertion contains an invalid signature. [Reason - The signature is invalid.]",
    );
  }
  if (expected.now < certificate.notBefore || expected.now > certificate.notAfter) throw new AadstsError(1000502);
  checkAudience(claims.aud, expected);
  if (claims.iss !== claims.sub) throw new AadstsError(50048);
  if (!isSameText(claims.iss, expected.clientId)) throw new AadstsError(700021);
  checkTimes(claims, expected.now);
  if (typeof claims.jti !== "string" || claims.jti === "") {
    throw new AadstsError(50027, "JWT token is invalid or malformed: 'jti' is missing.");
  }
}

/** A key of the service principal authenticates the client in the service principal's tenant only. */
function ownCertificates(
  { servicePrincipal }: Application,
  { tenantId, homeTenantId }: { tenantId: string; homeTenantId: string },
): RegisteredCertificates {
  return tenantId === homeTenantId ? servicePrincipal.certificates : new Map();
}

function findCertificate(
  header: Record<string, unknown>,
  ...registered: RegisteredCertificates[]
): RegisteredCertificate {
  const thumbprint = header["x5t#S256"] ?? header.x5t;
  const found = registered.map((each) => (typeof thumbprint === "string" ? each.get(thumbprint) : undefined));
  const certificate = found.find((each) => each !== undefined);
  // The real service does not find a SHA-256 thumbprint in `x5t`, or a SHA-1 thumbprint in `x5t#S256`, either.
  const isRightKind = certificate?.[header["x5t#S256"] === undefined ? "x5t" : "x5tS256"] === thumbprint;
  if (certificate !== undefined && isRightKind) return certificate;
  throw new AadstsError(
    700027,
    "The certificate with identifier used to sign the client assertion is not registered on application. " +
      "[Reason - The key was not found.]",
  );
}

export function isSignedBy({ signedText, signature }: Assertion, alg: "PS256" | "RS256", key: KeyObject): boolean {
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  const padding = alg === "PS256" ? pss : { padding: constants.RSA_PKCS1_PADDING };
  return verify("sha256", Buffer.from(signedText), { key, ...padding }, signature);
}

function checkAudience(aud: unknown, { tenantId, authorityHost }: { tenantId: string; authorityHost: string }): void {
  const authority = `https://${authorityHost}/${tenantId}`;
  if (typeof aud !== "string")
    throw new AadstsError(50027, "JWT token is invalid or malformed: 'aud' is not a string.");
  if (!isSameText(aud, `${authority}/oauth2/v2.0/token`) && !isSameText(aud, `${authority}/v2.0`)) {
    throw new AadstsError(700023);
  }
}

function checkTimes({ nbf, exp }: Record<string, unknown>, now: number): void {
  if (typeof exp !== "number" || (nbf !== undefined && typeof nbf !== "number")) throw new AadstsError(50027);
  const seconds = now / 1000;
  const isTooLong = nbf !== undefined && exp - nbf > longestLifetimeSeconds;
  if (exp > seconds && (nbf ?? 0) <= seconds + nbfSkewSeconds && !isTooLong) return;
  throw new AadstsError(
    700024,
    `Client assertion is not within its valid time range. Current time: ${new Date(now).toISOString()}, ` +
      `assertion valid from ${isoTime(nbf ?? 0)}, expiry time of assertion ${isoTime(exp)}.`,
  );
}

/** Accepts numbers that are not dates, too. */
function isoTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
}

function isSameText(value: unknown, expected: string): boolean {
  return typeof value === "string" && value.toLowerCase() === expected.toLowerCase();
}
