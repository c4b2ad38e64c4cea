import type { GrantRefusal } from "../policy/access-policy.ts";
import type { Guid } from "../shared/guid.ts";

/**
 * Refusals: the expected negative answers. They are values, never exceptions (unlike faults, see fault.ts). Each has
 * the details that the operator needs; http/oauth-response.ts alone decides what the caller sees.
 */
export type RequestRefusal =
  | { reason: "tenant_not_a_guid" }
  | { reason: "content_type_not_supported" }
  | { reason: "overloaded" }
  | { reason: "path_reserved" }
  | { reason: "protocol_v1" }
  | { reason: "body_without_length" }
  | { reason: "body_too_large"; maxBytes: number }
  | { reason: "body_not_readable" }
  | { reason: "parameter_missing"; parameter: string }
  | { reason: "parameter_repeated"; parameter: string }
  | { reason: "parameter_invalid"; parameter: string; rule: string }
  | { reason: "parameter_in_query"; parameter: string }
  | { reason: "parameter_not_supported"; parameter: string; remedy: string }
  | { reason: "grant_type_not_supported" }
  | { reason: "target_not_supported"; parameter: string }
  | { reason: "scope_not_default" }
  | { reason: "caller_token_missing" }
  | { reason: "caller_token_ambiguous"; presented: readonly string[] };

/**
 * `because` is for the operator only. Callers get the same text for every cause, so that probing with stolen tokens
 * reveals nothing (T10).
 */
export type CallerTokenRefusal = { reason: "caller_token_rejected"; because: string };

/**
 * `caller_key_not_looked_up`: it is not known yet whether the token's key exists, because there are too many requests
 * with unknown keys or Entra is down.
 */
export type CallerRefusal = CallerTokenRefusal | { reason: "caller_key_not_looked_up" };

export type BudgetRefusal = {
  reason: "mint_budget_exceeded";
  callerObjectId: Guid;
  budget: "caller" | "total";
  retryAfterSeconds: number;
};

/** Entra's answer about the customer's tenant: no token can be minted until the customer acts. */
export type TenantRefusal =
  | { reason: "tenant_not_consented"; codes: readonly number[]; adminConsentUrl: string }
  | { reason: "tenant_not_assigned"; codes: readonly number[] }
  | { reason: "tenant_consent_incomplete"; codes: readonly number[] }
  | { reason: "tenant_blocked"; codes: readonly number[] }
  | { reason: "tenant_not_found"; codes: readonly number[] }
  | { reason: "resource_not_available"; codes: readonly number[] };

export type Refusal = RequestRefusal | CallerRefusal | GrantRefusal | BudgetRefusal | TenantRefusal;
