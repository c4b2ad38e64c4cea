declare const brand: unique symbol;

/** A GUID in its one canonical form: lower case, with hyphens, without braces. Only `parseGuid` makes one. */
export type Guid = string & { readonly [brand]: "Guid" };

const guidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const guidLength = 36;

/**
 * The canonical GUID, or undefined. It protects URL paths against text from callers (T4), so it accepts nothing but 36
 * characters of hexadecimal digits and hyphens: no domain name, no `common`, no encoding.
 */
export function parseGuid(text: unknown): Guid | undefined {
  if (typeof text !== "string" || text.length !== guidLength) return undefined;
  const lower = text.toLowerCase();
  return guidPattern.test(lower) ? (lower as Guid) : undefined;
}
