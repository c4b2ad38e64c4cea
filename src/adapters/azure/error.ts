import { RestError } from "@azure/data-tables";

/**
 * What can be told of an error without telling what it says: its class, its code and its HTTP status. Messages of SDKs
 * hold URLs, and may hold anything (T5); codes are words of a fixed list, so whatever does not look like one is left out.
 */
export function errorClass(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const { code, statusCode, cause } = error as Error & { code?: unknown; statusCode?: unknown };
  const parts = [error.name, code, statusCode, ...(cause instanceof Error ? [(cause as { code?: unknown }).code] : [])];
  return parts
    .filter((part) => typeof part === "number" || (typeof part === "string" && /^[A-Za-z0-9_]{1,64}$/.test(part)))
    .join(" ");
}

/**
 * Seconds of a `Retry-After` header (RFC 9110 §10.2.3). A date is passed over, as is everything else that is no small
 * whole number: the caller's own schedule then says how long to wait.
 */
export function parseRetryAfter(header: string | null | undefined): number | undefined {
  return header && /^[0-9]{1,5}$/.test(header) ? Number(header) : undefined;
}

/** The service's own code for an error, for example `EntityAlreadyExists`: a status alone means several things. */
export function tableErrorCode(error: unknown): string | undefined {
  if (!(error instanceof RestError)) return undefined;
  const code = (error.details as { odataError?: { code?: unknown } } | undefined)?.odataError?.code;
  return typeof code === "string" ? code : undefined;
}
