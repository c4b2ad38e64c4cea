/** `npm start`: everything on one machine, and two commands to paste. Ctrl-C stops all of it. */
import { writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describeStack } from "./describe-stack.ts";
import { readPorts } from "./ports.ts";
import { type Stack, startStack } from "./stack.ts";
import { callers, client, scopes, tenants } from "./world.ts";

const folder = process.env.LOCAL_FOLDER ?? fileURLToPath(new URL("../.local", import.meta.url));

try {
  const startedMs = performance.now();
  const ports = await readPorts(process.env);
  const stack = await startStack({ folder, ports, onProgress: (what) => console.log(`  starting ${what}`) });
  const stackFile = join(folder, "stack.json");
  await writeFile(stackFile, `${JSON.stringify(describeStack(stack), undefined, 2)}\n`, { mode: 0o600 });
  console.log(summary(stack, stackFile, performance.now() - startedMs));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      console.log("\nstopping");
      stack.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

function summary(stack: Stack, stackFile: string, tookMs: number): string {
  const here = (path: string) => relative(process.cwd(), path);
  const ask = (tenant: keyof typeof tenants) =>
    `curl --silent --cacert ${here(stack.authority.certificateFile)} \\
    ${stack.functions.httpsUrl}/${tenants[tenant].tenantId}/oauth2/v2.0/token \\
    -H "Authorization: Bearer $(curl --silent '${stack.controlUrl}/stack/caller-token?caller=${callers.billing.name}')" \\
    -d grant_type=client_credentials -d client_id=${client.clientId} \\
    -d scope=${scopes.graph}`;
  return `
Keyhold is up (${(tookMs / 1000).toFixed(1)} s). Nothing here is in Azure: vault, Entra and storage are emulated on this machine.

  Keyhold       ${stack.functions.httpsUrl}
  policy        ${here(stack.policyFile)}   (edit it: it takes effect within a minute)
  log           ${here(join(folder, "functions.log"))}
  vault's log   ${stack.controlUrl}/key-vault/audit
  all of it     ${here(stackFile)}

A token for the tenant contoso, as ${callers.billing.name}:

  ${ask("contoso")}

Refused, because the tenant adatum is suspended in the policy:

  ${ask("adatum")}

See what happens when the identity provider rolls its key, somebody steals a signature, cuts the vault's log, signs too
much or not at all:

  npm run drill -- rollover | theft | log-cut | burst | silence

Ctrl-C stops everything.`;
}
