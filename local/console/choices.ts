/** The choices that the page offers, and the commands that do the same as the buttons. */
import { readFile } from "node:fs/promises";
import type { Stack } from "../stack/stack.ts";
import { callers, client, type Policy, scopes } from "../stack/world.ts";
import type { Choices } from "./snapshot.ts";

export async function choices(stack: Stack): Promise<Choices> {
  const policy = JSON.parse(await readFile(stack.policyFile, "utf8")) as Policy;
  const suspended = await suspendedIds(stack.policyFile);
  return {
    callers: Object.values(callers).map(({ name }) => ({ name, about: describeGrants(policy, name) })),
    tenants: policy.tenants.map(({ name, tenantId, state }) => ({
      ...{ name, tenantId },
      state: suspended.has(tenantId) ? "suspended" : state,
    })),
    scopes: Object.values(scopes),
    commands: commandsOf(stack),
  };
}

/** The suspensions stored beside the policy (docs/reference/policy.md). Empty if nothing was ever suspended. */
async function suspendedIds(policyFile: string): Promise<Set<string>> {
  const text = await readFile(policyFile.replace(/\.json$/, ".suspensions.json"), "utf8").catch(() => undefined);
  const document = text === undefined ? undefined : (JSON.parse(text) as { suspensions: { id: string }[] });
  return new Set(document?.suspensions.map(({ id }) => id));
}

function describeGrants({ grants }: Policy, caller: string): string {
  const own = grants.filter((grant) => grant.caller === caller);
  if (own.length === 0) return "no grant";
  const tenants = own.map((grant) => (typeof grant.tenants === "string" ? "any tenant" : grant.tenants.join(", ")));
  return tenants.join(", ");
}

function commandsOf({ controlUrl, functions, authority, policyFile }: Stack): Record<string, string> {
  const drill = (name: string) => `npm run drill -- ${name}`;
  const timer = (name: string) => `curl -X POST '${functions.httpUrl}/admin/functions/${name}?wait=true'`;
  return {
    "ask-token": `curl --cacert ${authority.certificateFile} \\
  ${functions.httpsUrl}/{tenantId}/oauth2/v2.0/token \\
  -H "Authorization: Bearer $(curl -s '${controlUrl}/stack/caller-token?caller={caller}')" \\
  -d grant_type=client_credentials -d client_id=${client.clientId} \\
  -d scope={scope}{more}`,
    "acknowledge-finding": "npm run -s keyhold -- findings acknowledge {id} --reason '{reason}'",
    "set-tenant-state": "npm run -s keyhold -- tenant {verb} {tenant}",
    "set-service": `curl -X PUT ${controlUrl}/stack/services -d '{"name": "{service}", "running": {running}}'`,
    "roll-key": drill("rollover"),
    "refresh-metadata": "npm run -s keyhold -- metadata refresh",
    "check-credentials": timer("checkCredentials"),
    "stage-certificate": `curl -X POST ${controlUrl}/key-vault/keys -d '{"name": "${client.keyName}"}'
curl -X POST ${controlUrl}/entra/certificates -d '{"clientId": "${client.clientId}", "certificatePem": "..."}'
$EDITOR ${policyFile}   # one more of "certificates"
${timer("checkCredentials")}`,
    "steal-signature": drill("theft"),
    "cut-log": drill("log-cut"),
    burst: drill("burst"),
    "man-in-the-middle": `curl -X PUT ${controlUrl}/stack/services -d '{"name": "entra", "running": false}'
# an attacker's server on Entra's port (local/stack/man-in-the-middle.ts), then
${timer("refreshMetadata")}`,
  };
}
