/** The stack that `npm start` started, as its stack.json describes it, and what all drills do with it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { fileURLToPath } from "node:url";
import type { AuditEnvironment } from "./audit-as-of.ts";

export interface StackFile extends AuditEnvironment {
  keyVault: { url: string; keyId: string };
  entra: { identityEndpoint: string; identityHeader: string };
  keyhold: { https: string; http: string };
  control: string;
  logFile: string;
  tenants: Record<string, { tenantId: string }>;
  homeTenantId: string;
  clients: { clientId: string; name: string; keyName: string }[];
  policyFile: string;
  scopes: { graph: string; orders: string };
}

/** The folder of the running stack. */
export const folder = process.env.LOCAL_FOLDER ?? fileURLToPath(new URL("../../.local", import.meta.url));

export async function readStack(): Promise<StackFile> {
  const file = join(folder, "stack.json");
  const stack = JSON.parse(await readFile(file, "utf8").catch(() => "{}")) as StackFile;
  const isUp = stack.control && (await fetch(stack.control).catch(() => undefined));
  if (!isUp) throw new Error("the local stack is not running: npm start in another terminal first");
  setDefaultCACertificates([...getCACertificates("default"), await readFile(stack.caFile, "utf8")]);
  return stack;
}

/** Returns the HTTP status of the answer to a token request. */
export async function ask(stack: StackFile, who: string, isShown = true): Promise<number> {
  const { status } = await requestToken(stack);
  if (isShown) show(who, `is answered with ${status}`);
  return status;
}

/** Asks for a token of the tenant contoso as billing-service: for Microsoft Graph, or another scope. */
export async function requestToken(
  stack: StackFile,
  scope = stack.scopes.graph,
  headers: Record<string, string> = {},
): Promise<{ status: number; accessToken: string | undefined }> {
  const token = await (await fetch(`${stack.control}/stack/caller-token?caller=billing-service`)).text();
  const response = await fetch(`${stack.keyhold.https}/${stack.tenants.contoso?.tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    headers: { ...headers, authorization: `Bearer ${token}` },
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: stack.clients[0]?.clientId ?? "",
      scope,
    }),
  });
  const { access_token: accessToken } = (await response.json()) as { access_token?: string };
  return { status: response.status, accessToken };
}

export function show(what: string, value: string): void {
  console.log(`${what.padEnd(38)} ${value}`);
}
