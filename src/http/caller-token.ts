import type { HttpRequest } from "@azure/functions";
import type { RequestRefusal } from "../domain/issuing/refusal.ts";
import { ok, type Result, refuse } from "../domain/shared/result.ts";
import { clientAssertionType } from "../domain/signing/client-assertion.ts";
import type { Parameters } from "./read-parameters.ts";

/** How a caller may present its own Entra token. */
export type Presentation = "authorization" | "client_assertion" | "subject_token";

interface PresentedToken {
  presentation: Presentation;
  callerToken: string;
}

/** RFC 8693 §3. */
export const accessTokenType = "urn:ietf:params:oauth:token-type:access_token";
const jwtType = "urn:ietf:params:oauth:token-type:jwt";

/**
 * Finds the caller's token: it must be in exactly one place, so that there is no doubt who calls. The token is not
 * parsed here.
 */
export function presentedCallerToken(
  request: HttpRequest,
  parameters: Parameters,
): Result<PresentedToken, RequestRefusal> {
  const authorization = request.headers.get("authorization");
  const found: PresentedToken[] = [];
  if (authorization) {
    const token = bearerTokenOf(authorization);
    if (!token) {
      return notSupported("Authorization header", "send Authorization: Bearer with the caller's own Entra token");
    }
    found.push({ presentation: "authorization", callerToken: token });
  }
  for (const presentation of ["client_assertion", "subject_token"] as const) {
    const callerToken = parameters.get(presentation);
    if (callerToken) found.push({ presentation, callerToken });
  }
  const [only, ...others] = found;
  if (!only) return refuse({ reason: "caller_token_missing" });
  if (others.length > 0) {
    return refuse({ reason: "caller_token_ambiguous", presented: found.map(({ presentation }) => presentation) });
  }
  const typed = checkType(only.presentation, parameters);
  return typed.ok ? ok(only) : typed;
}

/** The token in the Authorization header (RFC 6750 §2.1); undefined for any other text. */
export function bearerTokenOf(authorization: string): string | undefined {
  return /^bearer +(\S+)$/i.exec(authorization)?.[1];
}

function checkType(presentation: Presentation, parameters: Parameters): Result<undefined, RequestRefusal> {
  if (presentation === "client_assertion" && parameters.get("client_assertion_type") !== clientAssertionType) {
    return refuse({ reason: "parameter_invalid", parameter: "client_assertion_type", rule: clientAssertionType });
  }
  const subjectTokenType = parameters.get("subject_token_type");
  if (presentation === "subject_token" && subjectTokenType !== accessTokenType && subjectTokenType !== jwtType) {
    const rule = `${accessTokenType} or ${jwtType}`;
    return refuse({ reason: "parameter_invalid", parameter: "subject_token_type", rule });
  }
  return ok(undefined);
}

/** The refusal of a standard parameter that Keyhold does not support. `remedy`: what to send instead. */
export function notSupported(parameter: string, remedy: string): { ok: false; refusal: RequestRefusal } {
  return refuse({ reason: "parameter_not_supported", parameter, remedy });
}
