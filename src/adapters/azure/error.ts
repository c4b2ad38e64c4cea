import { RestError } from "@azure/data-tables";

/**
 * The parts of an error that are safe to log: its class, code and HTTP status, but not its message. SDK messages
 * contain URLs, and may contain anything (T5). Codes are words from fixed lists, so a code of any other form is left
 * out.
 */
export function errorClass(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const { code, statusCode, cause } = error as Error & { code?: unknown; statusCode?: unknown };
  const parts = [error.name, code, statusCode, ...(cause instanceof Error ? [(cause as { code?: unknown }).code] : [])];
  return parts
    .filter((part) => typeof part === "number" || (typeof part === "string" && /^[A-Za-z0-9_]{1,64}$/.test(part)))
    .join(" ");
}

/** Longest `Retry-After` that is honoured, seconds. */
const longestRetryAfterSeconds = 3_600;
/** RFC 9110 §5.6.7: the current form, and the two obsolete forms that a recipient must accept. */
const httpDate =
  /^(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT|[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT)$/;
const asctimeDate = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * Seconds of a `Retry-After` header (RFC 9110 §10.2.3): a whole number or an HTTP date, an hour at most. Undefined for
 * anything else: the caller then uses its own schedule.
 */
export function parseRetryAfter(header: string | null | undefined, nowMs: number): number | undefined {
  if (!header) return undefined;
  const seconds = /^[0-9]{1,10}$/.test(header) ? Number(header) : Math.ceil((parseHttpDate(header) - nowMs) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), longestRetryAfterSeconds);
}

/** Milliseconds since 1970; NaN if it is not an HTTP date. */
function parseHttpDate(text: string): number {
  if (httpDate.test(text)) return Date.parse(text);
  return asctimeDate.test(text) ? Date.parse(`${text} GMT`) : Number.NaN;
}

/** The service's own error code, for example `EntityAlreadyExists`. A status alone is ambiguous. */
export function tableErrorCode(error: unknown): string | undefined {
  if (!(error instanceof RestError)) return undefined;
  const code = (error.details as { odataError?: { code?: unknown } } | undefined)?.odataError?.code;
  return typeof code === "string" ? code : undefined;
}
