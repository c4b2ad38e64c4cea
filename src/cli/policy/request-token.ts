import type { TokenCredential } from "@azure/identity";
import * as z from "zod";
import type { Guid } from "../../domain/shared/guid.ts";
import type { Scope } from "../../domain/shared/scope.ts";

export interface TokenQuestion {
  tenantId: Guid;
  clientId: Guid;
  scope: Scope;
  /** Client id of the caller's managed identity, which must be available to this process. */
  callerIdentity: Guid;
}

/** Keyhold's answer without the token, which is not kept. */
export type TokenAnswer =
  | { issued: true; expiresInSeconds: number }
  | { issued: false; status: number; error: string; description: string };

export type RequestToken = (question: TokenQuestion) => Promise<TokenAnswer>;

const issued = z.object({ access_token: z.string().min(1), expires_in: z.number() });
const refused = z.object({ error: z.string(), error_description: z.string().default("") });
const deadlineMs = 30_000;

/**
 * Asks Keyhold's token endpoint as a caller does: with the token of its managed identity for Keyhold (RFC 6749 §4.4).
 * Throws what the credential or the network throws.
 */
export function createRequestToken(
  { publicUrl, audience }: { publicUrl: string; audience: Guid },
  credentialOf: (identityClientId: Guid) => TokenCredential,
): RequestToken {
  return async ({ tenantId, clientId, scope, callerIdentity }) => {
    const own = await credentialOf(callerIdentity).getToken(`api://${audience}/.default`);
    if (!own) throw new TypeError("no token");
    const response = await fetch(`${publicUrl}/${tenantId}/oauth2/v2.0/token`, {
      method: "POST",
      redirect: "error",
      signal: AbortSignal.timeout(deadlineMs),
      headers: { authorization: `Bearer ${own.token}` },
      body: new URLSearchParams({ grant_type: "client_credentials", client_id: clientId, scope }),
    });
    const body: unknown = await response.json().catch(() => undefined);
    const token = issued.safeParse(body).data;
    if (response.ok && token) return { issued: true, expiresInSeconds: token.expires_in };
    const { error = "unknown", error_description: description = "" } = refused.safeParse(body).data ?? {};
    return { issued: false, status: response.status, error, description };
  };
}
