import type { TokenCredential } from "@azure/identity";
import { isIdentity } from "./identity.ts";

/** The part of an SDK pipeline request that is used here. */
interface PipelineRequest {
  headers: { get(name: string): string | undefined; set(name: string, value: string): void };
}

interface PipelineResponse {
  status: number;
  headers: { get(name: string): string | undefined };
}

/** A 401 to a request with a token. `isReplaced`: the next attempt will have another token. */
export class TokenRefused extends Error {
  override readonly name = "TokenRefused";
  readonly statusCode = 401;
  readonly isReplaced: boolean;
  /** The service's id of the request. */
  readonly requestId: string;

  constructor(isReplaced: boolean, requestId: string) {
    super("token_refused");
    this.isReplaced = isReplaced;
    this.requestId = requestId;
  }
}

/**
 * A policy for the pipelines of SDK clients, as the last step before the network. It never sends a token that is known
 * to be refused, and after a 401 it asks the identity for another one. A 403 is about rights, which a new token does
 * not change.
 *
 * `afterwards`: `repeat` repeats the request once. `fail` throws `TokenRefused`, for requests that only the caller may
 * repeat.
 */
export function refusedTokenPolicy(credential: TokenCredential, afterwards: "repeat" | "fail" = "repeat") {
  const policy = {
    name: "keyholdRefusedToken",
    async sendRequest<Q extends PipelineRequest, R extends PipelineResponse>(
      request: Q,
      next: (request: Q) => Promise<R>,
    ): Promise<R> {
      const sent = bearerOf(request.headers.get("authorization"));
      // The first request to Key Vault has no token; it gets the challenge.
      if (sent === undefined || !isIdentity(credential)) return next(request);
      const token = credential.newest(sent);
      request.headers.set("authorization", `Bearer ${token}`);
      const response = await next(request);
      if (response.status !== 401) return response;
      const other = await credential.replace(token);
      if (afterwards === "fail") {
        throw new TokenRefused(other !== undefined, response.headers.get("x-ms-request-id") ?? "");
      }
      if (other === undefined) return response;
      request.headers.set("authorization", `Bearer ${other}`);
      return next(request);
    },
  };
  return { policy, position: "perRetry" as const };
}

/** The same for a request with `fetch`. `send` is called a second time if another token may help after a 401. */
export async function fetchWithToken(
  credential: TokenCredential,
  token: string,
  send: (token: string) => Promise<Response>,
): Promise<Response> {
  const response = await send(token);
  if (response.status !== 401 || !isIdentity(credential)) return response;
  const other = await credential.replace(token);
  if (other === undefined) return response;
  // An unread body would keep its connection.
  await response.body?.cancel().catch(() => {});
  return send(other);
}

/** Whether the identity has a token other than the refused one. `error`: a `RestError` with status 401. */
export async function hasOtherToken(credential: TokenCredential, error: unknown): Promise<boolean> {
  const { statusCode, request } = error as { statusCode?: unknown; request?: PipelineRequest };
  if (statusCode !== 401 || !isIdentity(credential)) return false;
  const token = bearerOf(request?.headers.get("authorization"));
  return token !== undefined && (await credential.replace(token)) !== undefined;
}

function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
}
