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
