/** A caller's own token, as the platform's identity endpoint returns it to the workload. */
import { createHash } from "node:crypto";
import { decodeProtectedHeader } from "jose";
import type { EntraEmulator } from "../emulators/entra/emulator.ts";
import * as world from "./world.ts";

/** Signed by Entra's current key. The platform would return an earlier token even if its key was withdrawn. */
export async function issueCallerToken(entra: EntraEmulator, caller: { clientId: string }): Promise<string> {
  const token = await requestIdentityToken(entra, { client_id: caller.clientId });
  const kidOf = (jwt: string) => decodeProtectedHeader(jwt).kid;
  if (kidOf(token) === kidOf(await entra.issueToken({}))) return token;
  const hash = createHash("sha256").update(token).digest("hex");
  return requestIdentityToken(entra, { client_id: caller.clientId, token_sha256_to_refresh: hash });
}

async function requestIdentityToken(entra: EntraEmulator, parameters: Record<string, string>): Promise<string> {
  const url = new URL(entra.identityEndpoint);
  url.search = `${new URLSearchParams({
    "api-version": "2025-03-30",
    resource: world.keyholdAudience,
    ...parameters,
  })}`;
  const response = await fetch(url, { headers: { "X-IDENTITY-HEADER": entra.identityHeader } });
  const { access_token: token } = (await response.json()) as { access_token?: string };
  if (!token) throw new Error("the managed identity endpoint gave no token");
  return token;
}
