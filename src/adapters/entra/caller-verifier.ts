import type { KeyObject } from "node:crypto";
import { errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import { validateCallerClaims } from "../../domain/issuing/caller.ts";
import type { CallerVerifier } from "../../domain/issuing/ports.ts";
import { createVerifiedCallers, type VerifiedToken } from "../../domain/issuing/verified-callers.ts";
import { type Cloud, issuerOf } from "../../domain/shared/cloud.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import { ok, refuse } from "../../domain/shared/result.ts";

/** A caller's token is about 2 KiB, somewhat more with many roles. Checked before anything is decoded. */
const maxTokenBytes = 16_384;
/** Allowed clock difference, seconds. */
const leewaySeconds = 60;
const tokenTypes: ReadonlySet<unknown> = new Set([undefined, "JWT", "at+jwt"]);
/** Created once, because anybody can send tokens with unknown keys, and creating an error with a stack is expensive. */
const noSuchKey = new errors.JWKSNoMatchingKey();

/** "unknown": the provider has no such key. "not_looked_up": it was not asked, so the key may exist. */
type FoundKey = KeyObject | "unknown" | "not_looked_up";

/** Where the keys come from: verified metadata of the home tenant (domain/metadata). */
export interface SigningKeySource {
  /** @throws Fault `caller_keys_unavailable` if there is no key at all */
  findKey(kid: string, nowMs: number): Promise<FoundKey>;
  /** Notes that a token was verified with this key. */
  noteUse(kid: string, nowMs: number): void;
}

interface CallerExpectation {
  cloud: Cloud;
  homeTenantId: Guid;
  /** Client id of Keyhold's own app registration: the `aud` of v2 tokens. */
  audience: Guid;
  /** The app role that lets a workload call us. */
  role: string;
}

/**
 * Verifies callers' tokens: RS256 only, keys only from our own source (`jwk`, `jku` and `x5u` headers are ignored),
 * exact issuer and audience. The domain then checks the claims.
 */
export function createCallerVerifier(expected: CallerExpectation, keys: SigningKeySource): CallerVerifier {
  const issuer = issuerOf(expected.cloud, expected.homeTenantId);
  const verified = createVerifiedCallers();
  /**
   * Since the token was verified, its key may have been withdrawn (a rollover, an emergency), or it may have expired.
   */
  const stillHolds = async ({ kid, key, notBefore, expiresAt }: VerifiedToken, nowMs: number) => {
    const nowSeconds = Math.floor(nowMs / 1000);
    const isInTime = notBefore <= nowSeconds + leewaySeconds && nowSeconds < expiresAt + leewaySeconds;
    return isInTime && (await keys.findKey(kid, nowMs)) === key;
  };
  return {
    async verify(callerToken, nowMs) {
      if (callerToken.length > maxTokenBytes) return reject("too large");
      const known = verified.find(callerToken);
      if (known && (await stillHolds(known, nowMs))) return ok(known.caller);
      let found: FoundKey | undefined;
      const keyOf: JWTVerifyGetKey = async ({ kid }) => {
        if (typeof kid !== "string") throw noSuchKey;
        found = await keys.findKey(kid, nowMs);
        if (typeof found === "string") throw noSuchKey;
        return found;
      };
      try {
        const { payload, protectedHeader } = await jwtVerify(callerToken, keyOf, {
          algorithms: ["RS256"],
          issuer,
          audience: expected.audience,
          clockTolerance: leewaySeconds,
          currentDate: new Date(nowMs),
          requiredClaims: ["iat", "nbf", "exp"],
        });
        const kid = String(protectedHeader.kid);
        keys.noteUse(kid, nowMs);
        if (!tokenTypes.has(protectedHeader.typ)) return reject("typ is neither JWT nor at+jwt");
        // A JWT's `aud` may be an array, but Entra sends one string. A token for several audiences is not for us alone.
        if (typeof payload.aud !== "string") return reject("aud is not one string");
        const caller = validateCallerClaims(payload, expected);
        const [notBefore, expiresAt] = [Number(payload.nbf), Number(payload.exp)];
        if (caller.ok) verified.remember(callerToken, { caller: caller.value, kid, key: found, notBefore, expiresAt });
        return caller;
      } catch (error) {
        if (!(error instanceof errors.JOSEError)) throw error;
        if (found === "not_looked_up") return refuse({ reason: "caller_key_not_looked_up" });
        return reject(because(error));
      }
    },
  };
}

/** The library's stable error code and the claim's name; never the message, which may quote the token. */
function because(error: errors.JOSEError): string {
  const isOfClaim = error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired;
  return isOfClaim ? `${error.code} ${error.claim}` : error.code;
}

function reject(reason: string) {
  return refuse({ reason: "caller_token_rejected" as const, because: reason });
}
