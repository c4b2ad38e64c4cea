/** Paths of requests: their decoded segments for routing, and the form that a function sees. */

/** The decoded segments of a path. One trailing slash is ignored. */
export function splitPath(path: string): string[] {
  const inner = path.slice(1, path.length > 1 && path.endsWith("/") ? -1 : undefined);
  return inner === "" ? [] : inner.split("/").map(decodeSegment);
}

/** Azure's host does not decode an encoded slash, so a value cannot add segments. */
function decodeSegment(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment.replace(/%2f/gi, (slash) => `%25${slash.slice(1)}`));
  } catch {
    return segment;
  }
}

/**
 * The path in `request.url`: decoded, then encoded again where necessary. Text that still looks encoded after decoding
 * is unchanged. So twice-encoded text appears encoded once, and `%252e` becomes a dot for a parser of the URL.
 */
export function canonicalPath(path: string): string {
  if (!path.includes("%")) return path;
  return path.split("/").map(decodeSegment).map(encodeSegment).join("/");
}

function encodeSegment(segment: string): string {
  return segment.replace(/%[\da-f]{2}|[^\w.~!$&'()*+,;=:@-]/giu, (match) =>
    match.length === 3 && match.startsWith("%") ? match : encodeURIComponent(match),
  );
}
