import { once } from "node:events";
import { globalAgent, request } from "node:https";

/**
 * Opens a connection to a vault that the SDK finds in the process's pool. The request has no token and names no key, so
 * it is none of the operations in the vault's log that somebody must explain.
 */
export async function connectToVault(keyId: string): Promise<void> {
  const asking = request(new URL("/", keyId), { method: "HEAD", agent: globalAgent });
  asking.end();
  const [response] = await once(asking, "response");
  response.resume();
}
