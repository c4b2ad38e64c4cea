/**
 * Authenticates the caller: the 401 challenge that names the tenant and the resource, and the check of the bearer token
 * against the identity provider's public keys. Permissions are checked elsewhere.
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import type { EmulatorResponse } from "../shared/emulator-server.ts";
import { Refusal } from "./error-answers.ts";

export interface Caller {
  objectId: string;
  /** The claims that the audit log records. All are verified. */
  claims: Record<string, string>;
}

export interface AuthenticationOptions {
  tenantId: string;
  jwks: () => Promise<{ keys: object[] }> | { keys: object[] };
}

const resource = "https://vault.azure.net";
/** Key Vault's own application id in Entra, accepted as an audience instead of the resource address. */
const firstPartyAppId = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";
const audience = [resource, `${resource}/`, firstPartyAppId];
const recordedClaims = ["tid", "oid", "appid", "azp", "idtyp", "iss", "xms_mirid"];
const objectIdClaim = "http://schemas.microsoft.com/identity/claims/objectidentifier";

/** Creates a function that returns the caller, or the refusal to be sent with the challenge. */
export function createAuthenticator(options: AuthenticationOptions) {
  const keysNow = createKeySource(options.jwks);
  const issuer = [
    `https://sts.windows.net/${options.tenantId}/`,
    `https://login.microsoftonline.com/${options.tenantId}/v2.0`,
  ];
  return async (authorization: string | undefined): Promise<Caller | Refusal> => {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return unauthorized("AKV10000: Request is missing a Bearer or PoP token.");
    try {
      const required = { requiredClaims: ["exp", "oid", "tid"] };
      const checks = { algorithms: ["RS256"], audience, issuer, ...required };
      const { payload } = await jwtVerify(token, await keysNow(), checks);
      return callerOf(payload);
    } catch (error) {
      if (error instanceof errors.JOSEError) return unauthorized(describe(error));
      throw error;
    }
  };
}

/** Every 401 carries the challenge; the client takes the tenant and the scope from it. */
export function challenge(tenantId: string, refusal: Refusal): EmulatorResponse {
  const authorization = `https://login.microsoftonline.com/${tenantId}`;
  const header = `Bearer authorization="${authorization}", resource="${resource}"`;
  return { ...refusal.answer, headers: { "www-authenticate": header } };
}

/** Importing keys costs more than comparing them, so a key set is kept while the provider serves the same one. */
function createKeySource(jwks: AuthenticationOptions["jwks"]) {
  let serialized = "";
  let keySet: ReturnType<typeof createLocalJWKSet> | undefined;
  return async () => {
    const served = await jwks();
    const now = JSON.stringify(served);
    if (keySet === undefined || now !== serialized) {
      keySet = createLocalJWKSet(served as JSONWebKeySet);
      serialized = now;
    }
    return keySet;
  };
}

function callerOf(payload: JWTPayload): Caller {
  const claims: Record<string, string> = {};
  for (const name of recordedClaims) {
    const value = payload[name];
    if (typeof value === "string") claims[name] = value;
  }
  const objectId = claims.oid ?? "";
  return { objectId, claims: { ...claims, [objectIdClaim]: objectId } };
}

function describe(error: errors.JOSEError): string {
  if (error instanceof errors.JWKSNoMatchingKey) {
    return "AKV10046: Unable to resolve the key used for signature validation.";
  }
  if (error instanceof errors.JWTExpired) return "[TokenExpired] Error validating token.";
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === "aud") return `AKV10022: Invalid audience. Expected ${resource} or ${firstPartyAppId}.`;
    if (error.claim === "iss") return "AKV10032: Invalid issuer.";
  }
  return "Error validating token.";
}

function unauthorized(message: string): Refusal {
  return new Refusal(401, "Unauthorized", message);
}
