import { once } from "node:events";
import { Agent, request } from "node:https";

/**
 * The connection pool of all vault clients. The SDK's own pool is not accessible, so no connection could be opened in
 * it in advance.
 */
export const vaultAgent = new Agent({ keepAlive: true });

/**
 * Opens a connection to a vault for the first request. This request has no token and names no key, so it is not an
 * operation in the vault's log that must be explained. It is not a HEAD request, because Node closes the connection
 * after an answer without a length.
 */
export async function connectToVault(keyId: string): Promise<void> {
  const asking = request(new URL("/", keyId), { agent: vaultAgent });
  asking.end();
  const [response] = await once(asking, "response");
  response.resume();
  await once(asking, "close");
}
