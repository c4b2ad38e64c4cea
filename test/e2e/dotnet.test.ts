/**
 * The unchanged .NET recipes of clients/dotnet, built once, each in a separate process as in App Service: its managed
 * identity behind IDENTITY_ENDPOINT, and the local CA. The only way to the network is a proxy that forwards to the
 * emulators and records the requested hosts, so that a library that asks Entra about its authority is detected.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { decodeJwt } from "jose";
import * as world from "../../local/stack/world.ts";
import { buildDotnet } from "../support/dotnet-build.ts";
import { startConnectProxy } from "../support/fixtures/connect-proxy.ts";
import { skipWithout } from "../support/requirements.ts";
import { askToken, countOperations, testStack } from "../support/test-stack.ts";

interface Outcome {
  token?: string;
  error?: {
    type: string;
    message: string;
    inner: string | null;
    service: {
      StatusCode: number;
      ErrorCode: string;
      Message: string;
      ResponseBody: string;
      CorrelationId: string;
    } | null;
  };
}

const run = promisify(execFile);
const project = fileURLToPath(new URL("../../clients/dotnet/", import.meta.url));
const skip = skipWithout(["dotnet"], "Install the .NET SDK 10.");

describe("the .NET recipes", { skip }, async () => {
  if (skip) return;
  const folder = await mkdtemp(join(tmpdir(), "keyhold-dotnet-"));
  after(() => rm(folder, { recursive: true }));
  const [stack] = await Promise.all([testStack(), buildDotnet(project, folder)]);
  const proxy = await startConnectProxy(stack.routes);
  const { tenantId } = world.tenants.contoso;
  const keyhold = {
    KEYHOLD_URL: stack.functions.httpsUrl,
    KEYHOLD_AUDIENCE: world.keyholdAudience,
    CLIENT_ID: world.client.clientId,
    IDENTITY_CLIENT_ID: world.callers.billing.clientId,
  };

  async function runRecipe(
    recipe: string,
    variables: Record<string, string> = keyhold,
    cwd = folder,
    claims: string[] = [],
  ): Promise<Outcome> {
    const env = {
      PATH: process.env.PATH ?? "",
      HOME: folder,
      DOTNET_CLI_TELEMETRY_OPTOUT: "1",
      SSL_CERT_FILE: stack.authority.certificateFile,
      HTTPS_PROXY: proxy.url,
      NO_PROXY: "localhost,127.0.0.1",
      IDENTITY_ENDPOINT: stack.entra.identityEndpoint,
      IDENTITY_HEADER: stack.entra.identityHeader,
      ...variables,
    };
    const args = [join(folder, "out", "recipes.dll"), recipe, tenantId, world.scopes.graph, ...claims];
    const { stdout } = await run("dotnet", args, { env, cwd, timeout: 30_000 });
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Outcome;
  }

  function assertIsForGraph({ token, error }: Outcome): void {
    const claims = decodeJwt(token ?? assert.fail(JSON.stringify(error)));
    assert.deepEqual(
      [claims.aud, claims.tid, claims.appid],
      ["https://graph.microsoft.com", tenantId, world.client.clientId],
    );
  }

  /** The recipe's appsettings.json with this stack's addresses and ids, in a folder that the service starts in. */
  async function withAppSettings(): Promise<string> {
    const { AzureAd } = JSON.parse(await readFile(join(project, "appsettings.json"), "utf8"));
    const [credential] = AzureAd.ClientCredentials;
    AzureAd.Authority = `${stack.functions.httpsUrl}/${tenantId}/v2.0`;
    AzureAd.ClientId = world.client.clientId;
    credential.ManagedIdentityClientId = world.callers.billing.clientId;
    credential.TokenExchangeUrl = world.keyholdAudience;
    const service = await mkdtemp(join(folder, "service-"));
    await writeFile(join(service, "appsettings.json"), JSON.stringify({ AzureAd }));
    return service;
  }

  test("Azure.Identity gets a token of the customer tenant", async () => {
    assertIsForGraph(await runRecipe("azure-identity"));
  });

  test("MSAL.NET gets a token of the customer tenant", async () => {
    assertIsForGraph(await runRecipe("msal"));
  });

  test("an ASP.NET service gets one with appsettings.json alone", async () => {
    assertIsForGraph(await runRecipe("appsettings", {}, await withAppSettings()));
  });

  const ownTokenFile = join(folder, "own-token");
  const fourVariables = {
    AZURE_TENANT_ID: tenantId,
    AZURE_CLIENT_ID: world.client.clientId,
    AZURE_AUTHORITY_HOST: stack.functions.httpsUrl,
    AZURE_FEDERATED_TOKEN_FILE: ownTokenFile,
  };
  await writeFile(ownTokenFile, await stack.callerToken("billing"), { mode: 0o600 });

  test("DefaultAzureCredential gets one with four environment variables, with instance discovery switched off", async () => {
    assertIsForGraph(await runRecipe("environment", fourVariables));
  });

  test("a refusal is in MSAL.NET's exception with status, code and text", async () => {
    const { error } = await runRecipe("msal", { ...keyhold, IDENTITY_CLIENT_ID: world.callers.visitor.clientId });
    assert.equal(error?.type, "MsalServiceException");
    assert.equal(error.service?.StatusCode, 403);
    assert.equal(error.service.ErrorCode, "access_denied");
    assert.match(error.service.Message, /no grant for this caller, client, tenant and scope/);
    assert.match(error.service.ResponseBody, /"correlation_id":"[0-9a-f-]{36}"/);
  });

  test("a refusal is in the InnerException of Azure.Identity's, whose own message does not contain it", async () => {
    const { error } = await runRecipe("azure-identity", {
      ...keyhold,
      IDENTITY_CLIENT_ID: world.callers.visitor.clientId,
    });
    assert.equal(error?.type, "AuthenticationFailedException");
    assert.doesNotMatch(error.message, /no grant|access_denied|403/);
    assert.equal(error.inner, "MsalServiceException");
    assert.equal(error.service?.StatusCode, 403);
    assert.match(error.service.Message, /no grant for this caller, client, tenant and scope/);
  });

  test("a claims challenge reaches Entra through both libraries, without the capabilities that Azure.Identity adds", async () => {
    const challenge = { access_token: { nbf: { essential: true, value: "1780315200" } } };
    for (const recipe of ["azure-identity", "msal"]) {
      const { body } = await askToken(stack, tenantId);
      await stack.passTime(61_000);
      const outcome = await runRecipe(recipe, keyhold, folder, [JSON.stringify(challenge)]);
      assertIsForGraph(outcome);
      assert.notEqual(outcome.token, body.access_token);
      assert.deepEqual(JSON.parse(stack.entra.audit.at(-1)?.claims ?? "null"), challenge);
    }
  });

  test("only Keyhold and the identity endpoint got requests", () => {
    assert.deepEqual(proxy.hosts, []);
  });

  test("with instance discovery left on, Entra is asked and does not know Keyhold", async () => {
    const { error } = await runRecipe("environment-with-instance-discovery", fourVariables);
    assert.equal(error?.service?.ErrorCode, "invalid_instance");
    assert.match(error.service.Message, /^AADSTS50049/);
    assert.deepEqual(proxy.hosts.splice(0), ["login.microsoftonline.com"]);
  });

  test("all of them together cost one signature, and one for each challenge", () => {
    assert.equal(countOperations(stack, "KeySign"), 3);
  });
});
