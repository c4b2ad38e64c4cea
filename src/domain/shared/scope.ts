import type { Guid } from "./guid.ts";

declare const brand: unique symbol;

/** `<resource>/.default`, exactly one. Only `parseScope` makes one. */
export type Scope = string & { readonly [brand]: "Scope" };

const maxScopeLength = 512;
/**
 * A resource is a URI or the GUID of an application, in the scope-token characters of RFC 6749 §3.3 (printable ASCII
 * without space, quote and backslash). Anything else, such as a token in the wrong field, does not reach a log as scope.
 */
const scopePattern =
  /^([A-Za-z][A-Za-z0-9+.-]*:[\x21\x23-\x5b\x5d-\x7e]+|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\/\.default$/;

/**
 * Entra gives application permissions for one resource at a time, as `<resource>/.default`. The resource is not
 * normalised: a grant must match the scope exactly, so no second spelling can bypass it.
 */
export function parseScope(text: string): Scope | undefined {
  if (text.length > maxScopeLength || !scopePattern.test(text)) return undefined;
  return text as Scope;
}

/**
 * Words of OpenID Connect that the Azure SDKs for Java and Go add to every request for client credentials. They ask for
 * nothing that an application's token has, so they are dropped, as Entra does.
 */
const wordsWithoutEffect: ReadonlySet<string> = new Set(["openid", "profile", "offline_access"]);

/** The one scope among the words that a caller sent (RFC 6749 §3.3); undefined for none, two, or any other word. */
export function parseRequestedScope(text: string): Scope | undefined {
  const [only, ...others] = text.split(" ").filter((word) => word !== "" && !wordsWithoutEffect.has(word));
  return only === undefined || others.length > 0 ? undefined : parseScope(only);
}

/** A client asking for itself: Entra knows that only by GUID (AADSTS90009), and the token opens nothing else. */
export function ownScope(clientId: Guid): Scope {
  return `${clientId}/.default` as Scope;
}

/** The resource of a scope: `https://graph.microsoft.com` of `https://graph.microsoft.com/.default`. */
export function resourceOf(scope: Scope): string {
  return scope.slice(0, -"/.default".length);
}
