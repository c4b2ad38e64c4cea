import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { faultAnswers } from "../../local/emulators/key-vault/error-answers.ts";
import * as world from "../../local/stack/world.ts";
import { testStack } from "../support/test-stack.ts";

/** How long an outage of the vault outlasts itself for callers that use the real SDKs, each in a process of its own. */
const stack = await testStack();
const run = promisify(execFile);
const fileOf = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const outageMs = 10_000;
const mostLostMs = 3_000;

const callers = {
  "@azure/identity": {
    recipe: "clients/recipes/azure-identity.ts",
    make: "exports.customerCredential(tenantId, keyhold)",
    ask: "getToken(scope)",
  },
  "@azure/msal-node": {
    recipe: "clients/recipes/msal-node.ts",
    make: "exports.customerApplication(tenantId, keyhold)",
    ask: "acquireTokenByClientCredential({ scopes: [scope] })",
  },
};

/** Asks every 200 ms until there is a token. Gives how often it failed, and when it had the token (ms since 1970). */
async function untilToken({ recipe, make, ask }: (typeof callers)["@azure/identity"], scope: string) {
  const program = `
    const { recipe, keyhold, tenantId, scope } = JSON.parse(process.env.SETTINGS);
    const exports = await import(recipe);
    const client = ${make};
    for (let failures = 0; ; failures += 1) {
      const got = await client.${ask}.then(() => true, () => false);
      if (got) {
        process.stdout.write(JSON.stringify({ failures, atMs: Date.now() }));
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }`;
  const settings = {
    recipe: fileOf(recipe),
    tenantId: world.tenants.contoso.tenantId,
    scope,
    keyhold: {
      url: stack.functions.httpsUrl,
      audience: world.keyholdAudience,
      clientId: world.client.clientId,
      identityClientId: world.callers.billing.clientId,
    },
  };
  const env = {
    PATH: process.env.PATH ?? "",
    IDENTITY_ENDPOINT: stack.entra.identityEndpoint,
    IDENTITY_HEADER: stack.entra.identityHeader,
    NODE_EXTRA_CA_CERTS: stack.authority.certificateFile,
    SETTINGS: JSON.stringify(settings),
  };
  const args = ["--import", fileOf("local/stack/network/redirect.ts"), "--input-type=module", "--eval", program];
  const { stdout } = await run(process.execPath, args, { env, cwd: fileOf(""), timeout: 90_000 });
  return JSON.parse(stdout) as { failures: number; atMs: number };
}

test("a vault that is dead for 10 s and then refuses us for 10 s costs callers at most 3 s more, in either SDK", async () => {
  stack.keyVault.behaviour.faults = [{ operation: "KeySign", status: 503 }];
  const { graph, orders } = world.scopes;
  const answers = Promise.all([
    untilToken(callers["@azure/identity"], graph),
    untilToken(callers["@azure/msal-node"], orders),
  ]);
  await sleep(outageMs);
  stack.keyVault.behaviour.faults = [{ operation: "KeySign", ...faultAnswers.forbiddenByRbac }];
  await sleep(outageMs);
  stack.keyVault.behaviour.faults = [];
  const backAtMs = Date.now();
  for (const { failures, atMs } of await answers) {
    assert.ok(failures > 0, "the caller has met the outage");
    assert.ok(atMs >= backAtMs, "no token before the vault is back");
    assert.ok(atMs - backAtMs <= mostLostMs, `${atMs - backAtMs} ms after the vault was back`);
  }
});
