/**
 * Seconds of a `Retry-After` header (RFC 9110 §10.2.3). A date is passed over, as is everything else that is no small
 * whole number: the caller's own schedule then says how long to wait.
 */
export function parseRetryAfter(header: string | null | undefined): number | undefined {
  return header && /^[0-9]{1,5}$/.test(header) ? Number(header) : undefined;
}
