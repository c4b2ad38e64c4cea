import type { KeyholdEvent } from "../../domain/events.ts";

/**
 * The members of an event as flat properties of a custom event: `refusal.reason`, `fault.code`; lists are joined. The
 * union of events is closed and has no member for a secret. But a caller could put a secret into a text (a scope, a
 * client's name), so anything that looks like a token or a signed URL is blanked here, before it leaves the process.
 */
type Attributes = Record<string, string | number | boolean>;

/** Application Insights keeps 8192 characters of a value; our values need fewer. */
const maxCharacters = 2048;
const maxItems = 50;

const secrets = [
  /eyJ[\w-]{6,}(?:\.[\w-]*){0,4}/g, // a token or its first part: base64url of {"
  /\b(?:sig|code|client_secret|client_assertion|assertion|password|accountkey|sharedaccesskey)=[^&\s;]+/gi,
  /\bBearer\s+\S{16,}/gi,
];

/**
 * The properties of an event, at most 2048 characters each. A list becomes its first 50 items, joined, and its length
 * as `<name>.count`.
 */
export function attributesOf({ event: _, ...members }: KeyholdEvent): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(members)) add(attributes, name, value);
  return attributes;
}

function add(attributes: Attributes, name: string, value: unknown): void {
  if (Array.isArray(value)) {
    attributes[name] = clean(value.slice(0, maxItems).map(itemText).filter(Boolean).join(", "));
    if (value.length > maxItems) attributes[`${name}.count`] = value.length;
  } else if (typeof value === "object" && value !== null && !name.includes(".")) {
    for (const [inner, each] of Object.entries(value)) add(attributes, `${name}.${inner}`, each);
  } else if (typeof value === "string") {
    attributes[name] = clean(value);
  } else if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) {
    attributes[name] = value;
  }
}

/** An item of a list: a scalar, or a record of scalars such as a problem of the policy. */
function itemText(item: unknown): string {
  if (typeof item === "object" && item !== null) return Object.values(item).filter(isScalar).join(" ");
  return isScalar(item) ? String(item) : "";
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** Blanks secrets before the text is cut, because half a token would not be recognised. */
function clean(text: string): string {
  const bounded = text.slice(0, 4 * maxCharacters);
  return secrets.reduce((rest, secret) => rest.replace(secret, "[removed]"), bounded).slice(0, maxCharacters);
}
