#!/usr/bin/env node
/**
 * `npm run -s keyhold --`: the command line of a clone. If the environment has no deployment's settings and the local
 * stack has been started, it uses that stack: its settings, its certificate authority, and its host names, which it
 * resolves to this machine. It is JavaScript, so that any Node can read it; the right Node then comes from
 * node_modules.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const bundle = join(root, "dist/cli.js");
const ownNode = join(root, "node_modules/.bin/node");
const { env } = process;

if (!existsSync(bundle)) {
  console.error(`error: the command line is not built\nwhere: ${bundle}\nremedy: npm run build`);
  process.exit(3);
}

const hasSettings = Object.keys(env).some((name) => name.startsWith("KEYHOLD_"));
const stack = hasSettings ? undefined : await findStack();
// The stack has its own operator, so no sign-in with the Azure CLI is used.
const operator = stack?.operator ? ["--operator-identity", stack.operator.clientId] : [];
const redirect = pathToFileURL(join(root, "local/stack/network/redirect.ts")).href;
const preload = stack ? ["--import", redirect] : [];
const child = spawn(
  existsSync(ownNode) ? ownNode : process.execPath,
  [...preload, bundle, ...operator, ...process.argv.slice(2)],
  {
    stdio: "inherit",
    env: stack ? { ...env, ...environmentOf(stack) } : env,
  },
);
// Ctrl-C reaches both processes. This one only waits for the exit status of the other.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.once("exit", (code) => {
  process.exitCode = code ?? 3;
});

/** The stack that was started last, if it is running. */
async function findStack() {
  const file = join(env.LOCAL_FOLDER ?? join(root, ".local"), "stack.json");
  if (!existsSync(file)) return undefined;
  const stack = JSON.parse(readFileSync(file, "utf8"));
  const isUp = await fetch(stack.control, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  return isUp && stack;
}

/** The same environment as for the functions host of the local stack (local/stack/functions-instance.ts). */
function environmentOf({ settings, caFile, routes }) {
  return { ...settings, NODE_EXTRA_CA_CERTS: caFile, LOCAL_ROUTES: JSON.stringify(routes) };
}
