import { join } from "node:path";
import type { Stack } from "./stack.ts";
import { callers, client, homeTenantId, keyholdAudience, operator, scopes, tenants } from "./world.ts";

/** The content of stack.json, for tests, drills and other tools: the addresses and files of the stack. */
export function describeStack(stack: Stack) {
  const { ports, controlUrl, functions } = stack;
  return {
    keyhold: { https: functions.httpsUrl, http: functions.httpUrl, functions: functions.functions },
    control: controlUrl,
    keyVault: {
      url: `https://localhost:${ports.keyVault}`,
      audit: `${controlUrl}/key-vault/audit`,
      keyId: stack.key.keyId,
    },
    entra: {
      url: `https://localhost:${ports.entra}`,
      audit: `${controlUrl}/entra/audit`,
      identityEndpoint: stack.entra.identityEndpoint,
      identityHeader: stack.entra.identityHeader,
    },
    storage: { blob: `https://localhost:${ports.blob}`, table: `https://localhost:${ports.table}` },
    caFile: stack.authority.certificateFile,
    settings: stack.settings(ports.https),
    routes: stack.routes,
    policyFile: stack.policyFile,
    logFile: join(stack.folder, "functions.log"),
    homeTenantId,
    audience: keyholdAudience,
    tenants,
    clients: [client],
    callers,
    operator,
    scopes,
  };
}
