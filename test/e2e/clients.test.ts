import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { decodeJwt } from "jose";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import * as world from "../../local/stack/world.ts";
import { countOperations, testStack } from "../support/test-stack.ts";

/** Clients of the standards: discovery, token exchange, JSON. Azure SDK, MSAL and forms: recipes.test.ts. */
const stack = await testStack();
const keyhold = stack.functions.httpsUrl;
const { tenantId } = world.tenants.contoso;
const { clientId } = world.client;
const ownToken = () => stack.callerToken("billing");
const tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";

function assertIsFor(accessToken: string | undefined, resource: string): void {
  const claims = decodeJwt(accessToken ?? "");
  assert.deepEqual([claims.aud, claims.tid, claims.appid], [resource, tenantId, clientId]);
}

test("openid-client discovers Keyhold and exchanges the caller's token (RFC 8693)", async () => {
  const configuration = await openid.discovery(new URL(`${keyhold}/${tenantId}/v2.0`), clientId, {}, openid.None());
  const answer = await openid.genericGrantRequest(configuration, tokenExchange, {
    subject_token: await ownToken(),
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    scope: world.scopes.graph,
  });
  assertIsFor(answer.access_token, "https://graph.microsoft.com");
  assert.equal(answer.issued_token_type, "urn:ietf:params:oauth:token-type:access_token");
});

test("oauth4webapi discovers Keyhold and reads a refusal according to RFC 6749", async () => {
  const issuer = new URL(`${keyhold}/${tenantId}/v2.0`);
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer));
  const client = { client_id: clientId };
  const parameters = {
    subject_token: await stack.callerToken("visitor"),
    subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
    scope: world.scopes.graph,
  };
  const response = await oauth.genericTokenEndpointRequest(server, client, oauth.None(), tokenExchange, parameters);
  await assert.rejects(oauth.processGenericTokenEndpointResponse(server, client, response), {
    name: "ResponseBodyError",
    error: "access_denied",
    status: 403,
  });
});

test("plain curl with a bearer token and a JSON body gets a token", async () => {
  const url = `${keyhold}/${tenantId}/oauth2/v2.0/token`;
  const headers = ["-H", `Authorization: Bearer ${await ownToken()}`, "-H", "Content-Type: application/json"];
  const body = JSON.stringify({ grant_type: "client_credentials", client_id: clientId, scope: world.scopes.graph });
  const options = ["--silent", "--fail", "--cacert", stack.authority.certificateFile];
  const curl = await promisify(execFile)("curl", [...options, url, ...headers, "-d", body]);
  assertIsFor((JSON.parse(curl.stdout) as { access_token: string }).access_token, "https://graph.microsoft.com");
});

test("all of them together cost one signature", () => {
  assert.equal(countOperations(stack, "KeySign"), 1);
});
