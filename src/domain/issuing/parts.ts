import type { Fault, FaultCode } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";

/**
 * The parts that a token or an assertion needs. Without `keyId` nothing is signed; without `tenantId` no request goes
 * to Entra.
 */
export interface NeededParts {
  keyId?: string | undefined;
  /** The managed identity whose token is the assertion. */
  identityClientId?: Guid;
  tenantId?: Guid;
}

/** The names of the parts, in the order in which an attempt uses them. */
export function namesOf({ keyId, identityClientId, tenantId }: NeededParts): string[] {
  return [
    "ledger",
    ...(keyId === undefined ? [] : [`vault ${new URL(keyId).origin}`, `key ${keyId}`]),
    ...(identityClientId === undefined ? [] : [`identity ${identityClientId}`]),
    ...(tenantId === undefined ? [] : ["entra", `entra ${tenantId}`]),
  ];
}

/** The part that caused the fault. Undefined: a problem of one tenant or credential, or a bug. */
export function partOf({ code, detail }: Fault, names: readonly string[]): string | undefined {
  const named = (prefix: string) => names.find((name) => name.startsWith(prefix));
  switch (code) {
    case "ledger_unavailable":
      return "ledger";
    case "signer_throttled":
    case "signer_unavailable":
    case "signer_unauthorized":
      return named("vault ");
    case "signer_forbidden":
    case "signer_key_disabled":
    case "signer_key_not_found":
    case "signer_rejected":
      return named("key ");
    case "identity_unavailable":
      return named("identity ");
    case "token_endpoint_throttled":
      return named("entra ");
    case "token_endpoint_unavailable":
      // If Entra answered, `codes` is set, possibly to an empty list.
      return detail.codes === undefined ? named("entra") : named("entra ");
    default:
      return undefined;
  }
}

/** Faults that are answers of Entra: every part was up. */
const answeredByEntra: ReadonlySet<FaultCode> = new Set([
  "credential_rejected",
  "clock_skewed",
  "token_endpoint_rejected",
  "token_not_as_asked",
]);

/** Whether this fault proves that every part was reached and answered. */
export function saysThatAllAreUp({ code }: Fault): boolean {
  return answeredByEntra.has(code);
}
