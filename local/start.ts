/**
 * `npm start`: everything on one machine, a page to watch it, and two commands to paste. Ctrl-C stops all of it. The
 * next start continues with its data; `npm start -- --fresh` starts with no data.
 */
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startConsole } from "./console/server.ts";
import { lockFolder } from "./stack/lock.ts";
import { readPorts } from "./stack/ports.ts";
import type { Stack } from "./stack/stack.ts";
import { callers, client, scopes, tenants } from "./stack/world.ts";

const folder = resolve(process.env.LOCAL_FOLDER ?? fileURLToPath(new URL("../.local", import.meta.url)));
/** On, as in a deployment of several instances. `LOCAL_SHARED_CACHE=off`: each instance mints for itself. */
const sharedCache = process.env.LOCAL_SHARED_CACHE !== "off";
/** Spans should appear on the page at once, not five seconds later. */
const settings = { OTEL_BSP_SCHEDULE_DELAY: "250" };

try {
  const { fresh } = parseArgs({ options: { fresh: { type: "boolean", default: false } } }).values;
  const startedMs = performance.now();
  const lock = await lockFolder(folder, "local/start.ts");
  process.on("exit", lock.release);
  const ports = await readPorts(process.env);
  const page = await startConsole(ports.console);
  console.log(`Watch it in a browser: ${page.url}\n`);
  const { startStack } = await import("./stack/stack.ts");
  const { describeStack } = await import("./stack/describe-stack.ts");
  const onProgress = (what: string) => {
    page.progress(what);
    console.log(`  starting ${what}`);
  };
  if (fresh) {
    const { forgetState } = await import("./stack/saved-state.ts");
    await forgetState(folder);
  }
  const startAll = async () => {
    const onProcess = lock.add;
    const started = await startStack({ folder, isKept: true, ports, settings, sharedCache, onProgress, onProcess });
    if (started.functions.functions.length > 0) return started;
    await started.stop();
    throw new Error(`Keyhold did not start:\n${started.functions.output().trim()}`);
  };
  const stack = await startAll().catch(async (error: unknown) => {
    page.fail(error instanceof Error ? error.message : "it failed");
    await page.stop();
    throw error;
  });
  const stackFile = join(folder, "stack.json");
  await writeFile(stackFile, `${JSON.stringify(describeStack(stack), undefined, 2)}\n`, { mode: 0o600 });
  await page.attach(stack);
  await untilWarm(stack.functions.httpUrl);
  console.log(summary(stack, stackFile, page.url, performance.now() - startedMs));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      console.log("\nstopping");
      page
        .stop()
        .then(() => stack.stop())
        .then(
          () => process.exit(0),
          () => process.exit(1),
        );
    });
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

/** Quotes the path for a shell in any folder. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** Waits until the instance has fetched the policy and the keys for callers' tokens by itself; 10 s at most. */
async function untilWarm(url: string): Promise<void> {
  const isReady = () =>
    fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  for (let left = 100; left > 0 && !(await isReady()); left--) await sleep(100);
}

function summary(stack: Stack, stackFile: string, pageUrl: string, tookMs: number): string {
  const ask = (tenant: keyof typeof tenants) =>
    `curl -sS --cacert ${quoted(stack.authority.certificateFile)} \\
    ${stack.functions.httpsUrl}/${tenants[tenant].tenantId}/oauth2/v2.0/token \\
    -H "Authorization: Bearer $(curl -sS '${stack.controlUrl}/stack/caller-token?caller=${callers.billing.name}')" \\
    -d grant_type=client_credentials -d client_id=${client.clientId} \\
    -d scope=${scopes.graph}`;
  return `
Keyhold is up (${(tookMs / 1000).toFixed(1)} s). Nothing here is in Azure: vault, Entra and storage are emulated on this machine.

  console       ${pageUrl}
  Keyhold       ${stack.functions.httpsUrl}
  policy        ${stack.policyFile}   (edit it: it takes effect within a minute)
  log           ${join(folder, "functions.log")}
  vault's log   ${stack.controlUrl}/key-vault/audit
  all of it     ${stackFile}

A token for the tenant contoso, as ${callers.billing.name}:

  ${ask("contoso")}

Refused, because the tenant adatum is suspended in the policy:

  ${ask("adatum")}

See what happens when the identity provider rolls its key, somebody steals a signature, cuts the vault's log, signs too
much or not at all: in the console, or by command

  npm run drill -- rollover | theft | log-cut | burst | silence | rotation | drift | kill-switch

Ctrl-C stops everything.`;
}
