/** Paths of requests: their decoded segments for routing, and the form in which a function sees them. */

/** The decoded segments of a path; one slash at its end does not count. */
export function splitPath(path: string): string[] {
  const inner = path.slice(1, path.length > 1 && path.endsWith("/") ? -1 : undefined);
  return inner === "" ? [] : inner.split("/").map(decodeSegment);
}

/** Azure's host leaves an encoded slash as it is, so that a value cannot add segments. */
function decodeSegment(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment.replace(/%2f/gi, (slash) => `%25${slash.slice(1)}`));
  } catch {
    return segment;
  }
}

/**
 * The path in `request.url`: decoded, and encoded again where it must be. What still looks encoded after that stays,
 * so text that was encoded twice is encoded once in it, and `%252e` has become a dot to whoever parses the URL.
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
