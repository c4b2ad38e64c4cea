import { Fault } from "../shared/fault.ts";

/**
 * What Entra's error numbers mean for us. Errors are classified by the numbers in `error_codes`, never by text. The
 * documentation warns that texts and numbers change, so an unknown number is classified by HTTP status and OAuth error.
 * Source: Microsoft identity platform, "Microsoft Entra authentication and authorization error codes".
 */
export type EntraErrorClass =
  | "credential_rejected"
  | "clock_skewed"
  | "not_consented"
  | "not_assigned"
  | "consent_incomplete"
  | "blocked"
  | "tenant_not_found"
  | "resource_not_available"
  | "throttled"
  | "unavailable"
  | "loop_detected"
  | "unexpected";

/**
 * `credential_rejected` is the only class that may change which certificate signs, so it contains only numbers about
 * the certificate, its signature or the federated credential. Any other problem with an assertion or with client
 * authentication is `unexpected`, because another certificate would not help.
 */
export const numbersByClass = {
  credential_rejected: [
    700027, 7000274, 50012, 50013, 700030, 7000214, 7000277, 1000502, 70021, 700211, 700212, 700213, 7002137, 7002138,
    700226, 70025,
  ],
  clock_skewed: [700024],
  not_consented: [7000229, 700016, 700011, 65001, 90094, 90099],
  not_assigned: [501051, 50105],
  consent_incomplete: [650051, 65005, 650052, 650056],
  blocked: [53003, 530032, 530035, 50131, 50002, 500021, 500022, 500212, 500213, 5000224, 5000225, 70001, 7000112],
  tenant_not_found: [90002, 50059, 50128, 90038, 900382, 900432, 9001023],
  resource_not_available: [500011, 500014, 50001, 70011, 28002, 700022, 650054, 650057, 901002],
  throttled: [90055],
  unavailable: [90024, 90006, 90012, 90033, 50033, 50000],
  loop_detected: [50196],
  unexpected: [50048, 50027, 700021, 700023, 700025, 7000218, 7000215, 7000222],
} as const satisfies Record<EntraErrorClass, readonly number[]>;

const classByNumber = new Map<number, EntraErrorClass>(
  Object.entries(numbersByClass).flatMap(([name, numbers]) =>
    numbers.map((number): [number, EntraErrorClass] => [number, name as EntraErrorClass]),
  ),
);

export interface EntraRejection {
  /** HTTP status of the token endpoint's answer. */
  status: number;
  /** OAuth error (RFC 6749 §5.2), as sent. A string, unless Entra breaks the standard. */
  error: unknown;
  /** AADSTS numbers, as sent. */
  errorCodes: readonly number[];
}

/**
 * Classifies by the first number that we know, otherwise by HTTP status, otherwise by OAuth error. Never throws. An
 * `invalid_client` without a known number does not prove that the credential is at fault: right after consent Entra
 * sends it although nothing is wrong.
 */
export function classifyEntraError({ status, error, errorCodes }: EntraRejection): EntraErrorClass {
  for (const number of errorCodes) {
    const known = classByNumber.get(number);
    if (known) return known;
  }
  if (status === 429) return "throttled";
  if (status >= 500) return "unavailable";
  if (error === "temporarily_unavailable") return "unavailable";
  return "unexpected";
}

/** What Entra answered: a token, or a rejection. */
export type EntraAnswer =
  | { issued: true; accessToken: string; expiresInSeconds: number; requestId?: string }
  | {
      issued: false;
      kind: Exclude<EntraErrorClass, "throttled" | "unavailable">;
      /** AADSTS numbers, as sent. */
      codes: readonly number[];
      requestId?: string;
      /** The `Date` of the answer, milliseconds since 1970: shows how far our clock is off. */
      serverTimeMs?: number;
    };

/** Further facts from an error answer. */
export interface RejectionFacts {
  /** Entra's own request id. */
  requestId?: string;
  /** Entra's `Retry-After`, seconds. */
  retryAfterSeconds?: number;
  /** The `Date` of the answer, milliseconds since 1970: shows how far our clock is off. */
  serverTimeMs?: number;
}

/**
 * The only function that classifies Entra's rejections. A temporary failure is thrown as a fault.
 * @throws Fault `token_endpoint_throttled` or `token_endpoint_unavailable`
 */
export function readRejection(rejection: EntraRejection, { retryAfterSeconds, ...facts }: RejectionFacts): EntraAnswer {
  const codes = rejection.errorCodes;
  const kind = classifyEntraError(rejection);
  if (kind === "throttled" || kind === "unavailable") {
    throw new Fault(`token_endpoint_${kind}`, { codes, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) });
  }
  return { issued: false, kind, codes, ...facts };
}
