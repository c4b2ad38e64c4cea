/**
 * Requests of SDKs that do not run here (Go, Java), sent as their sources build them: order, spelling, extra fields.
 */
import assert from "node:assert/strict";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { decodeJwt } from "jose";
import * as world from "../../local/stack/world.ts";
import { type SdkTokenRequest, sdkTokenRequests } from "../support/fixtures/sdk-token-requests.ts";
import { askToken, countOperations, testStack } from "../support/test-stack.ts";

const stack = await testStack();
const { tenantId } = world.tenants.contoso;
const { clientId } = world.client;
const assertion = await stack.callerToken("billing");

/** Header names keep their case, and the form its order. */
async function send({ headers, fields }: SdkTokenRequest) {
  const body = new URLSearchParams(fields({ clientId, scope: world.scopes.graph, assertion })).toString();
  const url = `${stack.functions.httpsUrl}/${tenantId}/oauth2/v2.0/token`;
  const sent = request(url, { method: "POST", headers: { ...headers, "Content-Length": body.length } });
  const answered = new Promise<import("node:http").IncomingMessage>((resolve, reject) =>
    sent.on("response", resolve).on("error", reject),
  );
  sent.end(body);
  const response = await answered;
  return { status: response.statusCode, body: JSON.parse(await text(response)) as Record<string, string> };
}

for (const sdkTokenRequest of sdkTokenRequests) {
  test(`${sdkTokenRequest.sdk}: the request is answered with a token of its one resource`, async () => {
    const { status, body } = await send(sdkTokenRequest);
    assert.equal(status, 200, JSON.stringify(body));
    const claims = decodeJwt(body.access_token ?? "");
    assert.deepEqual([claims.aud, claims.tid, claims.appid], ["https://graph.microsoft.com", tenantId, clientId]);
  });
}

test("all of them and the bare scope together are one cache entry and one signature", async () => {
  assert.equal((await askToken(stack, tenantId)).status, 200);
  assert.equal(countOperations(stack, "KeySign"), 1);
});
