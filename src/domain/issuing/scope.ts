declare const brand: unique symbol;

/** `<resource>/.default`, exactly one. Only `parseScope` makes one. */
export type Scope = string & { readonly [brand]: "Scope" };

const maxScopeLength = 512;
/** RFC 6749 §3.3 scope-token characters: printable ASCII without space, quote and backslash. */
const scopePattern = /^[\x21\x23-\x5b\x5d-\x7e]+\/\.default$/;

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
