import type { Caller } from "../policy/access-policy.ts";
import { type Guid, parseGuid } from "../shared/guid.ts";
import { ok, type Result, refuse } from "../shared/result.ts";
import type { CallerTokenRefusal } from "./refusal.ts";

/**
 * Checks the claims of a token whose signature, issuer, audience and times are already verified. It must be a v2 token
 * of the home tenant, issued to a workload and not to a user, with the app role that lets it call us. Entra issues
 * app-only tokens for any audience that does not require assignment, so only the role proves that the caller may call
 * us. Source: Microsoft identity platform, "Secure applications and APIs by validating claims".
 */
export function validateCallerClaims(
  claims: Readonly<Record<string, unknown>>,
  expected: { homeTenantId: Guid; role: string },
): Result<Caller, CallerTokenRefusal> {
  const objectId = parseGuid(claims.oid);
  const azp = parseGuid(claims.azp);
  if (claims.ver !== "2.0") return reject("ver is not 2.0");
  if (parseGuid(claims.tid) !== expected.homeTenantId) return reject("tid is not the home tenant");
  if (objectId === undefined) return reject("oid is not a GUID");
  if (claims.azp !== undefined && azp === undefined) return reject("azp is not a GUID");
  if (claims.scp !== undefined) return reject("scp is present: the token of a user");
  if (!isAppOnly(claims, objectId)) return reject("neither idtyp is app nor sub equals oid: the token of a user");
  if (!Array.isArray(claims.roles) || !claims.roles.includes(expected.role)) return reject("the app role is missing");
  return ok({ tenantId: expected.homeTenantId, objectId, azp });
}

/**
 * `idtyp` is an optional claim that must be enabled. Without it, `sub` equals `oid` in app-only tokens only. A user's
 * ID token has our client id as its audience and no `scp`, so only this check rejects it.
 */
function isAppOnly(claims: Readonly<Record<string, unknown>>, objectId: Guid): boolean {
  if (claims.idtyp !== undefined) return claims.idtyp === "app";
  return parseGuid(claims.sub) === objectId;
}

function reject(because: string): { ok: false; refusal: CallerTokenRefusal } {
  return refuse({ reason: "caller_token_rejected", because });
}
