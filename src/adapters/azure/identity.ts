import { createHash } from "node:crypto";
import type { AccessToken, ManagedIdentityCredential, TokenCredential } from "@azure/identity";

/** App Service's endpoint for tokens of managed identities, Functions included; it requires the secret header. */
export interface IdentityEndpoint {
  url: string;
  header: string;
}

/** A managed identity whose tokens can be replaced, in case a service refuses one (401) although it has not expired. */
export interface Identity extends TokenCredential {
  getToken: ManagedIdentityCredential["getToken"];
  /** The token that replaced this one, or this one. Needed because the SDK's caches still return replaced tokens. */
  newest(token: string): string;
  /**
   * Requests a token to replace this one, which was refused. Undefined if the identity has no other token, or if one
   * was requested less than 5 s ago. Never rejects.
   */
  replace(token: string): Promise<string | undefined>;
}

/** A token that was returned by `getToken` or `replace`. */
interface Issued {
  scope: string;
  accessToken: AccessToken;
  /** When it was first found to be refused. */
  refusedMs?: number;
  replacing?: Promise<string | undefined>;
  successor?: string;
}

/** Milliseconds for the requests with both API versions together. */
const requestTimeoutMs = 5_000;
const askAgainAfterMs = 5_000;
/** Far more than one process gets in a day: four identities with a few scopes each. */
const maxIssued = 100;

/**
 * The API version that accepts the hash of a refused token, and the version before it, in case the platform knows only
 * that. MSAL for .NET and Go send the hash to App Service; msal-node 7.2 sends it to Service Fabric only.
 */
const apiVersions = ["2025-03-30", "2019-08-01"];

/** Whether the credential's tokens can be replaced. An operator's cannot, because the operator signs in elsewhere. */
export function isIdentity(credential: TokenCredential): credential is Identity {
  return "replace" in credential;
}

/**
 * A user-assigned identity. The SDK gets the tokens and caches each for half of its lifetime. Neither its cache nor
 * those of its pipelines can drop a token, so a replacement is requested from the platform directly (App Service, "REST
 * endpoint reference").
 */
export function createIdentity(
  clientId: string,
  endpoint: IdentityEndpoint | undefined,
  sdk: Pick<ManagedIdentityCredential, "getToken"> = ofSdk(clientId),
  clock = Date.now,
): Identity {
  const issued = new Map<string, Issued>();

  function remember(scope: string, accessToken: AccessToken): void {
    if (issued.has(accessToken.token)) return;
    issued.set(accessToken.token, { scope, accessToken });
    const [oldest] = issued.keys();
    if (issued.size > maxIssued && oldest !== undefined) issued.delete(oldest);
  }

  function newestOf(token: string): Issued | undefined {
    let found = issued.get(token);
    while (found?.successor !== undefined) found = issued.get(found.successor);
    return found;
  }

  async function ask(refused: Issued): Promise<string | undefined> {
    const { scope, accessToken } = refused;
    const successor = endpoint && (await requestToken(endpoint, clientId, scope, accessToken.token));
    // A token that was itself refused cannot replace this one.
    if (!successor || issued.get(successor.token)?.refusedMs !== undefined) return undefined;
    remember(scope, successor);
    refused.successor = successor.token;
    return successor.token;
  }

  return {
    async getToken(scopes, options) {
      const accessToken = await sdk.getToken(scopes, options);
      const { token } = accessToken;
      remember([scopes].flat().join(" "), accessToken);
      return newestOf(token)?.accessToken ?? accessToken;
    },
    newest: (token) => newestOf(token)?.accessToken.token ?? token,
    async replace(token) {
      const refused = issued.get(token);
      if (refused === undefined) return undefined;
      const newest = newestOf(token)?.accessToken.token;
      if (newest !== undefined && newest !== token) return newest;
      const nowMs = clock();
      const wasAsked = refused.refusedMs !== undefined && Math.abs(nowMs - refused.refusedMs) < askAgainAfterMs;
      if (wasAsked && refused.replacing === undefined) return undefined;
      if (!wasAsked) refused.refusedMs = nowMs;
      refused.replacing ??= ask(refused).finally(() => delete refused.replacing);
      return refused.replacing;
    },
  };
}

/** The SDK is loaded for the first token: the first answer needs none. */
function ofSdk(clientId: string): Pick<ManagedIdentityCredential, "getToken"> {
  let credential: ManagedIdentityCredential | undefined;
  return {
    async getToken(scopes, options) {
      const { ManagedIdentityCredential } = await import("@azure/identity");
      credential ??= new ManagedIdentityCredential({ clientId });
      return credential.getToken(scopes, options);
    },
  };
}

/** Undefined if the answer is not a token. */
async function requestToken(
  endpoint: IdentityEndpoint,
  clientId: string,
  scope: string,
  refused: string,
): Promise<AccessToken | undefined> {
  const signal = AbortSignal.timeout(requestTimeoutMs);
  for (const version of apiVersions) {
    const url = new URL(endpoint.url);
    url.searchParams.set("api-version", version);
    url.searchParams.set("resource", scope.replace(/\/\.default$/, ""));
    url.searchParams.set("client_id", clientId);
    url.searchParams.set("token_sha256_to_refresh", createHash("sha256").update(refused).digest("hex"));
    try {
      const headers = { "x-identity-header": endpoint.header };
      const response = await fetch(url, { headers, redirect: "error", signal });
      const answer: unknown = await response.json();
      if (response.ok) return parseToken(answer);
      if (response.status !== 400) return undefined;
    } catch {
      return undefined;
    }
  }
  return undefined;
}

function parseToken(answer: unknown): AccessToken | undefined {
  const { access_token: token, expires_on: expiresOn } = answer as { access_token?: unknown; expires_on?: unknown };
  const expiresOnTimestamp = 1000 * Number(expiresOn);
  if (typeof token !== "string" || token === "" || !(expiresOnTimestamp > 0)) return undefined;
  return { token, expiresOnTimestamp };
}
