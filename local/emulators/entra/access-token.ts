/**
 * The claims of access tokens. All are app-only: the v1 shape for resources named by a URI, and the v2 shape that an
 * API gets when its registration asks for version 2. User tokens are not issued here.
 */
import { randomBytes } from "node:crypto";

interface TokenSubject {
  tenantId: string;
  clientId: string;
  objectId: string;
  roles?: string[] | undefined;
}

/** Unix seconds. */
interface TokenTimes {
  issuedAt: number;
  expiresAt: number;
}

// Entra backdates its tokens by this much, so that they work on hosts whose clock is behind.
const backdatedSeconds = 300;

/** `now` in milliseconds. */
export function tokenTimes(now: number, lifetimeSeconds: number): TokenTimes {
  const seconds = Math.floor(now / 1000);
  return { issuedAt: seconds - backdatedSeconds, expiresAt: seconds + lifetimeSeconds };
}

/** Without a configured lifetime Entra picks one between 60 and 90 minutes, which spreads renewals. */
export function randomLifetimeSeconds(): number {
  return 3600 + Math.floor(Math.random() * 1800);
}

export function v1Claims(subject: TokenSubject, resource: string, times: TokenTimes): Record<string, unknown> {
  const issuer = `https://sts.windows.net/${subject.tenantId}/`;
  return {
    aud: resource,
    iss: issuer,
    ...timeClaims(times),
    appid: subject.clientId,
    appidacr: "2",
    idp: issuer,
    ...subjectClaims(subject),
    ver: "1.0",
  };
}

export function v2Claims(
  subject: TokenSubject,
  audience: string,
  times: TokenTimes,
  authorityHost: string,
): Record<string, unknown> {
  return {
    aud: audience,
    iss: `https://${authorityHost}/${subject.tenantId}/v2.0`,
    ...timeClaims(times),
    azp: subject.clientId,
    azpacr: "2",
    ...subjectClaims(subject),
    ver: "2.0",
  };
}

function timeClaims({ issuedAt, expiresAt }: TokenTimes) {
  return { iat: issuedAt, nbf: issuedAt, exp: expiresAt };
}

function subjectClaims({ tenantId, objectId, roles }: TokenSubject) {
  return {
    idtyp: "app",
    oid: objectId,
    rh: `1.${randomBytes(30).toString("base64url")}.`,
    // Entra omits the claim if there are no roles.
    ...(roles !== undefined && roles.length > 0 ? { roles } : {}),
    sub: objectId,
    tid: tenantId,
    uti: randomBytes(16).toString("base64url"),
  };
}
