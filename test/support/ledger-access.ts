import { ManagedIdentityCredential } from "@azure/identity";
import type { Stack } from "../../local/stack/stack.ts";

/**
 * Lets this process use the ledger's adapters as an instance does: production names that resolve to the stack's ports,
 * and the storage identity's own token. It affects the whole test process.
 */
export async function ledgerAccess(
  stack: Stack,
  routes: Record<string, number> = stack.routes,
): Promise<{ url: string; credential: ManagedIdentityCredential }> {
  const settings = stack.settings(stack.ports.https);
  const { IDENTITY_ENDPOINT, IDENTITY_HEADER } = settings;
  Object.assign(process.env, { IDENTITY_ENDPOINT, IDENTITY_HEADER, LOCAL_ROUTES: JSON.stringify(routes) });
  await import("../../local/stack/network/redirect.ts");
  const clientId = settings.KEYHOLD_STORAGE_IDENTITY_CLIENT_ID ?? "";
  return { url: settings.KEYHOLD_LEDGER_TABLE_URL ?? "", credential: new ManagedIdentityCredential({ clientId }) };
}
