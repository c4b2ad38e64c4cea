import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { decodeJwt } from "jose";
import type { KeyholdOptions } from "../../clients/recipes/azure-identity.ts";
import type { KeyholdOptions as MsalKeyholdOptions } from "../../clients/recipes/msal-node.ts";
import * as world from "../../local/stack/world.ts";
import { countOperations, testStack, untilWritten } from "../support/test-stack.ts";

/**
 * The recipes as they are, each in a process of its own, as a service in App Service runs: its managed identity behind
 * IDENTITY_ENDPOINT, and no way to any other host, so that an SDK that asks Entra about its authority is found out.
 */
const stack = await testStack();
const run = promisify(execFile);
const fileOf = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const { tenantId } = world.tenants.contoso;
const keyhold: KeyholdOptions & MsalKeyholdOptions = {
  url: stack.functions.httpsUrl,
  audience: world.keyholdAudience,
  clientId: world.client.clientId,
  identityClientId: world.callers.billing.clientId,
};
const platform = {
  PATH: process.env.PATH ?? "",
  IDENTITY_ENDPOINT: stack.entra.identityEndpoint,
  IDENTITY_HEADER: stack.entra.identityHeader,
};

/** What an expression over a recipe's `exports`, the `tenantId` and the options gives. */
async function evaluate(recipe: string, expression: string, options: Partial<KeyholdOptions> = {}): Promise<string> {
  const settings = JSON.stringify({ recipe: fileOf(recipe), keyhold: { ...keyhold, ...options }, tenantId });
  const program = `
    const { recipe, keyhold, tenantId } = JSON.parse(process.env.SETTINGS);
    const exports = await import(recipe);
    process.stdout.write(${expression});`;
  const args = ["--import", fileOf("local/stack/network/redirect.ts"), "--input-type=module", "--eval", program];
  const env = { ...platform, NODE_EXTRA_CA_CERTS: stack.authority.certificateFile, SETTINGS: settings };
  return (await run(process.execPath, args, { env, cwd: fileOf("") })).stdout;
}

async function curl(environment: Record<string, string> = {}) {
  const env = {
    ...platform,
    CURL_CA_BUNDLE: stack.authority.certificateFile,
    KEYHOLD_URL: keyhold.url,
    KEYHOLD_AUDIENCE: keyhold.audience,
    CLIENT_ID: keyhold.clientId,
    IDENTITY_CLIENT_ID: keyhold.identityClientId,
    ...environment,
  };
  const script = fileOf("clients/recipes/curl.sh");
  return run(script, [tenantId, world.scopes.graph], { env }).then(
    ({ stdout }) => ({ code: 0, stdout, stderr: "" }),
    (failed: { code: number; stdout: string; stderr: string }) => failed,
  );
}

function assertIsFor(accessToken: string, resource: string): void {
  const claims = decodeJwt(accessToken);
  assert.deepEqual([claims.aud, claims.tid, claims.appid], [resource, tenantId, keyhold.clientId]);
}

const azureIdentity = "clients/recipes/azure-identity.ts";
const msalNode = "clients/recipes/msal-node.ts";

test("the Azure SDK's recipe gets a token of the customer tenant, with the service's managed identity", async () => {
  const expression = `(await exports.customerCredential(tenantId, keyhold).getToken("${world.scopes.graph}")).token`;
  assertIsFor(await evaluate(azureIdentity, expression), "https://graph.microsoft.com");
});

test("it also works with continuous access evaluation switched on, as the Graph SDK does", async () => {
  const call = `getToken("${world.scopes.orders}", { enableCae: true })`;
  const token = await evaluate(azureIdentity, `(await exports.customerCredential(tenantId, keyhold).${call}).token`);
  assertIsFor(token, "https://orders.example");
});

test("MSAL Node's recipe gets a token of the customer tenant, with the service's managed identity", async () => {
  const call = `acquireTokenByClientCredential({ scopes: ["${world.scopes.graph}"] })`;
  const token = await evaluate(msalNode, `(await exports.customerApplication(tenantId, keyhold).${call}).accessToken`);
  assertIsFor(token, "https://graph.microsoft.com");
});

const visitor = { identityClientId: world.callers.visitor.clientId };

test("a service without a grant reads the reason in the Azure SDK's own error, with Keyhold's correlation id", async () => {
  const call = `getToken("${world.scopes.graph}").then(() => "a token", ({ name, message }) => name + ": " + message)`;
  const text = await evaluate(azureIdentity, `await exports.customerCredential(tenantId, keyhold).${call}`, visitor);
  assert.match(text, /^AuthenticationRequiredError: access_denied/);
  assert.match(text, /no grant for this caller, client, tenant and scope/);
  const [, correlationId = ""] = /Correlation ID: ([0-9a-f-]{36})/.exec(text) ?? [];
  await untilWritten(stack.functions, new RegExp(correlationId));
});

test("and in MSAL Node's error, which has the status too", async () => {
  const call = `acquireTokenByClientCredential({ scopes: ["${world.scopes.graph}"] })`;
  const read = "({ name, status, errorCode, message }) => [name, status, errorCode, message].join(' ')";
  const expression = `await exports.customerApplication(tenantId, keyhold).${call}.then(() => "a token", ${read})`;
  const text = await evaluate(msalNode, expression, visitor);
  assert.match(text, /^ServerError 403 access_denied .*no grant for this caller, client, tenant and scope/);
});

/**
 * What a credential of the Azure SDK, made by an expression, gives with four environment variables and the file that
 * keyhold-token-file keeps. Entra answers too.
 */
async function byEnvironment(credential: string): Promise<string> {
  const file = join(stack.folder, "own-token");
  const settings = ["--target", file, "--audience", keyhold.audience, "--identity-client-id", keyhold.identityClientId];
  await run(fileOf("clients/token-file/keyhold-token-file"), settings, { env: platform });
  const program = `
    const identity = await import("@azure/identity");
    const token = ${credential}.getToken("${world.scopes.graph}");
    process.stdout.write(await token.then(({ token }) => token, (error) => error.message));`;
  const env = {
    PATH: process.env.PATH ?? "",
    LOCAL_ROUTES: JSON.stringify(stack.routes),
    NODE_EXTRA_CA_CERTS: stack.authority.certificateFile,
    AZURE_TENANT_ID: tenantId,
    AZURE_CLIENT_ID: keyhold.clientId,
    AZURE_AUTHORITY_HOST: keyhold.url,
    AZURE_FEDERATED_TOKEN_FILE: file,
  };
  const args = ["--import", fileOf("local/stack/network/redirect.ts"), "--input-type=module", "--eval", program];
  return (await run(process.execPath, args, { env, cwd: fileOf("") })).stdout;
}

test("the Azure SDK's DefaultAzureCredential gets a token with four environment variables alone", async () => {
  assertIsFor(await byEnvironment("new identity.DefaultAzureCredential()"), "https://graph.microsoft.com");
});

test("its WorkloadIdentityCredential does so with instance discovery switched off, and not without", async () => {
  const credential = "new identity.WorkloadIdentityCredential({ disableInstanceDiscovery: true })";
  assertIsFor(await byEnvironment(credential), "https://graph.microsoft.com");
  assert.match(await byEnvironment("new identity.WorkloadIdentityCredential()"), /endpoints_resolution_error/);
});

test("the curl recipe prints the answer with the token", async () => {
  const { code, stdout, stderr } = await curl();
  assert.equal(code, 0, stderr);
  assertIsFor((JSON.parse(stdout) as { access_token: string }).access_token, "https://graph.microsoft.com");
});

test("the curl recipe prints a refusal and fails, and fails if there is no managed identity", async () => {
  const refused = await curl({ IDENTITY_CLIENT_ID: world.callers.visitor.clientId });
  assert.equal(refused.code, 22);
  assert.equal((JSON.parse(refused.stdout) as { error: string }).error, "access_denied");
  const withoutIdentity = await curl({ IDENTITY_HEADER: "wrong" });
  assert.equal(withoutIdentity.code, 1);
  assert.match(withoutIdentity.stderr, /gave no token/);
});

test("the curl recipe sends nothing over plain HTTP", async () => {
  const { code, stdout } = await curl({ KEYHOLD_URL: stack.functions.httpUrl });
  assert.deepEqual([code, stdout], [1, ""]);
});

test("all of them together cost one signature per scope", () => {
  assert.equal(countOperations(stack, "KeySign"), 2);
});
