/**
 * The Python recipes with the SDKs that Debian packages, each in a separate process as in App Service: its managed
 * identity behind IDENTITY_ENDPOINT, and a proxy as the only way to the network, which records all other requested
 * hosts.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { decodeJwt } from "jose";
import * as world from "../../local/stack/world.ts";
import { startConnectProxy } from "../support/fixtures/connect-proxy.ts";
import { skipWithout } from "../support/requirements.ts";
import { countOperations, testStack } from "../support/test-stack.ts";

const python = "/usr/bin/python3";
const packages = "/usr/lib/python3/dist-packages";
const skip = skipWithout(
  [python, `${packages}/azure/identity/__init__.py`, `${packages}/msal/__init__.py`],
  "Install them with: apt-get install -y --no-install-recommends python3-azure.",
);

describe("the Python recipes", { skip }, async () => {
  if (skip) return;
  const stack = await testStack();
  const proxy = await startConnectProxy(stack.routes);
  const folder = await mkdtemp(join(tmpdir(), "keyhold-python-"));
  after(() => rm(folder, { recursive: true }));
  const { tenantId } = world.tenants.contoso;
  const { clientId } = world.client;
  const url = stack.functions.httpsUrl;
  const scope = world.scopes.graph;
  const ownTokenFile = join(folder, "own-token");
  await writeFile(ownTokenFile, await stack.callerToken("billing"), { mode: 0o600 });

  const platform = {
    PATH: process.env.PATH ?? "",
    PYTHONPATH: fileURLToPath(new URL("../../clients/recipes", import.meta.url)),
    PYTHONDONTWRITEBYTECODE: "1",
    REQUESTS_CA_BUNDLE: stack.authority.certificateFile,
    HTTPS_PROXY: proxy.url,
    NO_PROXY: "localhost,127.0.0.1",
  };
  const inAppService = { IDENTITY_ENDPOINT: stack.entra.identityEndpoint, IDENTITY_HEADER: stack.entra.identityHeader };

  async function run(program: string, variables: Record<string, string>): Promise<string> {
    const env = { ...platform, ...variables };
    return (await promisify(execFile)(python, ["-c", program], { env, timeout: 60_000 })).stdout;
  }

  function assertIsForGraph(token: string): void {
    const claims = decodeJwt(token);
    assert.deepEqual([claims.aud, claims.tid, claims.appid], ["https://graph.microsoft.com", tenantId, clientId]);
  }

  const ids = (identityClientId: string) =>
    [tenantId, clientId, world.keyholdAudience, identityClientId].map((id) => `"${id}"`).join(", ");
  const azureIdentity = (identityClientId: string) => `
from azure_identity import customer_credential
credential = customer_credential(${ids(identityClientId)})
try:
    print(credential.get_token("${scope}").token, end="")
except Exception as error:
    print(type(error).__name__, error, end="")`;

  test("ClientAssertionCredential gets a token of the customer tenant with AZURE_AUTHORITY_HOST", async () => {
    const program = azureIdentity(world.callers.billing.clientId);
    assertIsForGraph(await run(program, { ...inAppService, AZURE_AUTHORITY_HOST: url }));
  });

  test("a refusal is a ClientAuthenticationError with the answer's text", async () => {
    const program = azureIdentity(world.callers.visitor.clientId);
    const text = await run(program, { ...inAppService, AZURE_AUTHORITY_HOST: url });
    assert.match(
      text,
      /^ClientAuthenticationError .*access_denied.*no grant for this caller, client, tenant and scope/s,
    );
  });

  test("DefaultAzureCredential gets one with four environment variables alone", async () => {
    const program = `
from azure.identity import DefaultAzureCredential
print(DefaultAzureCredential().get_token("${scope}").token, end="")`;
    const variables = {
      AZURE_TENANT_ID: tenantId,
      AZURE_CLIENT_ID: clientId,
      AZURE_AUTHORITY_HOST: url,
      AZURE_FEDERATED_TOKEN_FILE: ownTokenFile,
    };
    assertIsForGraph(await run(program, variables));
  });

  const msalPython = (identityClientId: string) => `
import json
from msal_python import customer_application
print(json.dumps(customer_application("${url}", ${ids(identityClientId)}).acquire_token_for_client(["${scope}"])), end="")`;

  test("MSAL Python gets a token of the customer tenant", async () => {
    const answer = JSON.parse(await run(msalPython(world.callers.billing.clientId), inAppService));
    assertIsForGraph(answer.access_token);
  });

  test("a refusal is the dictionary that MSAL Python returns, not an exception", async () => {
    const answer = JSON.parse(await run(msalPython(world.callers.visitor.clientId), inAppService));
    assert.equal(answer.error, "access_denied");
    assert.match(answer.error_description, /no grant for this caller, client, tenant and scope/);
    assert.match(answer.correlation_id, /^[0-9a-f-]{36}$/);
  });

  test("all of them together sent requests only to Keyhold and the identity endpoint, and cost one signature", () => {
    assert.deepEqual(proxy.hosts, []);
    assert.equal(countOperations(stack, "KeySign"), 1);
  });
});
