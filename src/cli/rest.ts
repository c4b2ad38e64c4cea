import type { TokenCredential } from "@azure/identity";
import { fetchWithToken } from "../adapters/azure/refused-token.ts";

export interface RestRequest {
  method: string;
  url: string;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface RestAnswer {
  status: number;
  headers: Headers;
  /** JSON; undefined if there was none or it was not requested. */
  body: unknown;
}

export interface Rest {
  /**
   * One request, repeated with another token of the identity after a 401. Redirects are not followed, because the token
   * is for this host alone.
   */
  send(request: RestRequest, signal: AbortSignal): Promise<RestAnswer>;
  /**
   * The same, but the body of a success is not read: data that should have been refused must not get into our memory.
   */
  probe(request: RestRequest, signal: AbortSignal): Promise<RestAnswer>;
}

/** REST with a token for one scope. Throws what the credential or the network throws. */
export function createRest(credential: TokenCredential, scope: string): Rest {
  async function send(request: RestRequest, signal: AbortSignal, readsSuccess: boolean): Promise<RestAnswer> {
    const token = await credential.getToken(scope, { abortSignal: signal });
    if (!token) throw new TypeError("no token");
    const response = await fetchWithToken(credential, token.token, (bearer) =>
      fetch(request.url, {
        method: request.method,
        redirect: "error",
        signal,
        headers: {
          authorization: `Bearer ${bearer}`,
          ...(request.body === undefined ? {} : { "content-type": "application/json" }),
          ...request.headers,
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      }),
    );
    const { status, headers } = response;
    if (response.ok && !readsSuccess) {
      await response.body?.cancel().catch(() => {});
      return { status, headers, body: undefined };
    }
    return { status, headers, body: parse(await response.text()) };
  }
  return {
    send: (request, signal) => send(request, signal, true),
    probe: (request, signal) => send(request, signal, false),
  };
}

function parse(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The scope of tokens for the vault (`https://vault.azure.net/.default`). */
export function vaultScope({ vaultHostSuffix }: { vaultHostSuffix: string }): string {
  return `https://${vaultHostSuffix.slice(1)}/.default`;
}
