import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientAssertionCredential } from "@azure/identity";
import { ConfidentialClientApplication } from "@azure/msal-node";
import { decodeJwt } from "jose";
import * as world from "../../local/stack/world.ts";
import { askToken, countOperations, testStack } from "../support/test-stack.ts";

/** How callers force a new token, by the real SDKs and by a header. */
const stack = await testStack();
const keyhold = stack.functions.httpsUrl;
const { tenantId } = world.tenants.contoso;
const { clientId } = world.client;
const ownToken = () => stack.callerToken("billing");
const scope = world.scopes.graph;
/** As a resource sends it, decoded from base64. */
const challenge = { access_token: { nbf: { essential: true, value: "1780315200" } } };
const claims = JSON.stringify(challenge);

const signatures = () => countOperations(stack, "KeySign");
const idOf = (accessToken: string) => decodeJwt(accessToken).uti;
const lastClaims = () => JSON.parse(stack.entra.audit.at(-1)?.claims ?? "null") as unknown;

async function cachedId(): Promise<unknown> {
  const { status, body } = await askToken(stack, tenantId, { scope });
  assert.equal(status, 200);
  return idOf(String(body.access_token));
}

async function cacheOldToken(): Promise<void> {
  await cachedId();
  await stack.passTime(61_000);
}

test("@azure/identity with continuous access evaluation: a challenge mints a token of normal lifetime, once a minute", async () => {
  await cacheOldToken();
  const credential = new ClientAssertionCredential(tenantId, clientId, ownToken, {
    authorityHost: keyhold,
    disableInstanceDiscovery: true,
  });
  const before = await credential.getToken(scope, { enableCae: true });
  const made = signatures();
  assert.equal(idOf(before.token), await cachedId(), "announcing the capability mints nothing");
  const after = await credential.getToken(scope, { enableCae: true, claims });
  assert.notEqual(idOf(after.token), idOf(before.token));
  assert.deepEqual(lastClaims(), challenge, "the challenge reaches Entra without xms_cc");
  const lifetimeHours = (after.expiresOnTimestamp - Date.now()) / 3_600_000;
  assert.ok(lifetimeHours < 2, `a token of ${lifetimeHours} h`);
  assert.equal(await cachedId(), idOf(after.token), "it replaces the cached one");
  const again = await credential.getToken(scope, { enableCae: true, claims });
  assert.equal(idOf(again.token), idOf(after.token), "within the minute it is the answer");
  assert.equal(signatures(), made + 1);
});

test("MSAL Node: claims mint a new token, and skipCache asks Keyhold, which answers from its cache", async () => {
  await cacheOldToken();
  const application = new ConfidentialClientApplication({
    auth: {
      clientId,
      authority: `${keyhold}/${tenantId}`,
      knownAuthorities: [new URL(keyhold).host],
      clientAssertion: ownToken,
      clientCapabilities: ["CP1"],
    },
  });
  const before = await application.acquireTokenByClientCredential({ scopes: [scope] });
  const made = signatures();
  const skipped = await application.acquireTokenByClientCredential({ scopes: [scope], skipCache: true });
  assert.deepEqual([skipped?.fromCache, skipped?.accessToken], [false, before?.accessToken]);
  assert.equal(signatures(), made);
  const after = await application.acquireTokenByClientCredential({ scopes: [scope], claims });
  assert.notEqual(after?.accessToken, before?.accessToken);
  assert.deepEqual(lastClaims(), challenge);
  assert.equal(await cachedId(), idOf(after?.accessToken ?? ""));
  assert.equal(signatures(), made + 1);
});

test("the header Cache-Control: no-cache mints a new token, once a minute, and sends Entra no claims", async () => {
  await cacheOldToken();
  const before = await cachedId();
  const made = signatures();
  const callerToken = await ownToken();
  const ask = async () => {
    const response = await fetch(`${keyhold}/${tenantId}/oauth2/v2.0/token`, {
      method: "POST",
      headers: { authorization: `Bearer ${callerToken}`, "cache-control": "no-cache" },
      body: new URLSearchParams({ grant_type: "client_credentials", client_id: clientId, scope }),
    });
    return idOf(((await response.json()) as { access_token: string }).access_token);
  };
  const ids = new Set(await Promise.all([ask(), ask(), ask()]));
  ids.add(await ask());
  assert.equal(ids.size, 1);
  assert.ok(!ids.has(before));
  assert.equal(lastClaims(), null);
  assert.equal(signatures(), made + 1);
});

test("claims that are not JSON are refused before anything is signed", async () => {
  const made = signatures();
  const base64 = Buffer.from(claims).toString("base64");
  const { status, body } = await askToken(stack, tenantId, { form: { claims: base64 } });
  assert.deepEqual([status, body.error], [400, "invalid_request"]);
  assert.match(String(body.error_description), /claims must be a JSON object .*base64/);
  assert.equal(signatures(), made);
});

test("no request to Entra contained xms_cc", () => {
  assert.ok(stack.entra.audit.some((event) => event.claims !== undefined));
  assert.ok(!JSON.stringify(stack.entra.audit).includes("xms_cc"));
});
