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
 * normalised: a grant names the scope to the letter, so there is no second spelling that could slip past it.
 */
export function parseScope(text: string): Scope | undefined {
  if (text.length > maxScopeLength || !scopePattern.test(text)) return undefined;
  return text as Scope;
}

/** The resource of a scope: `https://graph.microsoft.com` of `https://graph.microsoft.com/.default`. */
export function resourceOf(scope: Scope): string {
  return scope.slice(0, -"/.default".length);
}

const graphHosts = new Set([
  "graph.microsoft.com",
  "graph.microsoft.us",
  "dod-graph.microsoft.us",
  "microsoftgraph.chinacloudapi.cn",
  "graph.windows.net",
  "graph.microsoftazure.us",
  "graph.chinacloudapi.cn",
]);
/** Application ids of Microsoft Graph and of its predecessor Azure AD Graph. */
const graphApplicationIds = new Set(["00000003-0000-0000-c000-000000000000", "00000002-0000-0000-c000-000000000000"]);

/**
 * Whether a scope reaches a directory's Graph, in any spelling: by host, by a host below it, or by application id.
 * In the home tenant such a token could add a credential to our own application (T8), so it is never grantable.
 */
export function isDirectoryGraph(scope: Scope): boolean {
  const resource = resourceOf(scope).toLowerCase();
  for (const id of graphApplicationIds) if (resource.includes(id)) return true;
  if (!URL.canParse(resource)) return graphHosts.has(resource);
  const host = new URL(resource).hostname;
  for (const graphHost of graphHosts) if (host === graphHost || host.endsWith(`.${graphHost}`)) return true;
  return false;
}
