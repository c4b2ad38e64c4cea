import type { RequestRefusal } from "../domain/issuing/refusal.ts";
import { ok, type Result, refuse } from "../domain/shared/result.ts";

/** A challenge has a few hundred characters. */
const maxClaimsLength = 4_096;

/**
 * What the `claims` parameter (OpenID Connect Core §5.5) asks of an access token, as JSON to send to Entra; undefined
 * where that is nothing. The client's capabilities are left out: with `xms_cc` MSAL announces that it understands
 * challenges, and Entra then issues tokens of 20 to 28 hours, too long for a cache that all callers share. Claims for
 * an ID token are left out too, since none is issued here.
 */
export function parseClaims(text: string): Result<string | undefined, RequestRefusal> {
  const claims = text.length <= maxClaimsLength ? parseObject(text) : undefined;
  const accessToken = claims?.access_token ?? {};
  if (!claims || !isObject(accessToken) || !Object.keys(claims).every((name) => knownTargets.has(name))) {
    return refuse({ reason: "parameter_invalid", parameter: "claims", rule });
  }
  const asked = Object.entries(accessToken).filter(([name]) => name.toLowerCase() !== "xms_cc");
  return ok(asked.length === 0 ? undefined : JSON.stringify({ access_token: Object.fromEntries(asked) }));
}

const knownTargets: ReadonlySet<string> = new Set(["access_token", "id_token"]);

const rule = `a JSON object of at most ${maxClaimsLength} characters with the members access_token and id_token only; the claims of a WWW-Authenticate header must be decoded from base64 first`;

/**
 * Of two equal members the last one counts. Only what was parsed is sent on, so no other parser can read it
 * differently.
 */
function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
