import assert from "node:assert/strict";
import { test } from "node:test";
import { createLocalJWKSet, jwtVerify } from "jose";
import * as world from "../../local/stack/world.ts";
import { askToken, countOperations, settledLedgerRows, testStack } from "../support/test-stack.ts";

const stack = await testStack();
const { contoso, fabrikam, adatum } = world.tenants;

test("a fresh stack has signed nothing, even after health checks and discovery", async () => {
  const { httpsUrl } = stack.functions;
  for (const path of ["health/live", "health/ready", `${contoso.tenantId}/v2.0/.well-known/openid-configuration`]) {
    assert.equal((await fetch(`${httpsUrl}/${path}`)).status, 200, path);
  }
  // A connection is opened before the first request, and is answered with the vault's challenge.
  assert.deepEqual(
    stack.keyVault.audit.filter(({ OperationName }) => OperationName !== "Authentication"),
    [],
  );
});

test("1,000 concurrent and 1,000 sequential requests leave one KeySign and no KeyGet in the vault's log", async () => {
  const callerToken = await stack.callerToken("billing");
  // Without TLS: a thousand handshakes at once take longer on a busy machine than `fetch` waits for a connection.
  const ask = () => askToken(stack, contoso.tenantId, { callerToken, url: stack.functions.httpUrl });
  const answers = await Promise.all(Array.from({ length: 1_000 }, ask));
  for (let i = 0; i < 1_000; i++) answers.push(await ask());
  assert.equal(answers.filter(({ status }) => status === 200).length, 2_000);
  assert.equal(new Set(answers.map(({ body }) => body.access_token)).size, 1);
  assert.equal(countOperations(stack, "KeySign"), 1);
  assert.equal(countOperations(stack, "KeyGet"), 0);
  assert.equal(stack.entra.audit.filter(({ tenantId }) => tenantId === contoso.tenantId).length, 1);
});

test("the token verifies against the tenant's keys, with the requested aud, tid and appid", async () => {
  const { body } = await askToken(stack, contoso.tenantId);
  const response = await fetch(`https://localhost:${stack.ports.entra}/${contoso.tenantId}/discovery/v2.0/keys`);
  const { payload } = await jwtVerify(String(body.access_token), createLocalJWKSet((await response.json()) as never));
  assert.equal(payload.aud, "https://graph.microsoft.com");
  assert.equal(payload.tid, contoso.tenantId);
  assert.equal(payload.appid, world.client.clientId);
  assert.equal(body.token_type, "Bearer");
  assert.ok(Number(body.expires_in) > 3_000);
});

test("the ledger's row matches the vault's row by request id, and Entra got the ledger's id", async () => {
  const rows = await settledLedgerRows(stack);
  const [row] = rows;
  const [sign] = stack.keyVault.audit.filter((event) => event.OperationName === "KeySign");
  assert.equal(rows.length, 1);
  assert.equal(row?.vaultRequestId, sign?.CorrelationId);
  assert.equal(row?.outcome, "issued");
  assert.equal(row?.callerName, "billing-service");
  assert.equal(row?.keyVersion, stack.key.version);
  assert.equal(stack.entra.audit.at(0)?.clientRequestId, row?.rowKey);
  assert.match(String(row?.tokenSha256), /^[0-9a-f]{64}$/);
});

test("a tenant without consent gets the admin-consent URL, and another request costs no signature", async () => {
  const before = countOperations(stack, "KeySign");
  for (let i = 0; i < 5; i++) {
    const { status, body } = await askToken(stack, fabrikam.tenantId);
    assert.equal(status, 424);
    assert.equal(body.error, "tenant_not_ready");
    assert.deepEqual(body.error_codes, [7000229]);
    const url = `https://login.microsoftonline.com/${fabrikam.tenantId}/adminconsent?client_id=${world.client.clientId}`;
    assert.equal(body.admin_consent_url, url);
  }
  assert.equal(countOperations(stack, "KeySign"), before + 1);
});

test("a suspended tenant, an unknown tenant and a caller without grant get the same answer and no signature", async () => {
  const before = countOperations(stack, "KeySign");
  const answers = [
    await askToken(stack, adatum.tenantId),
    await askToken(stack, "40000000-0000-4000-8000-0000000000ff"),
    await askToken(stack, contoso.tenantId, { callerToken: await stack.callerToken("visitor") }),
    await askToken(stack, contoso.tenantId, { scope: "https://vault.azure.net/.default" }),
  ];
  for (const { status, body } of answers) {
    assert.equal(status, 403);
    assert.equal(body.error, "access_denied");
    assert.equal(body.error_description, answers[0]?.body.error_description);
  }
  assert.equal(countOperations(stack, "KeySign"), before);
});

test("a caller's token of a user, for another audience, or of another tenant is refused with the same text", async () => {
  const { clientId, objectId } = world.callers.billing;
  const good = { azp: clientId, oid: objectId, sub: objectId, aud: world.keyholdAudience, roles: [world.callerRole] };
  const tokens = [
    await stack.entra.issueToken({ ...good, scp: "Tokens.Issue", idtyp: undefined, sub: "pairwise" }),
    await stack.entra.issueToken({ ...good, idtyp: undefined, sub: "pairwise" }),
    await stack.entra.issueToken({ ...good, aud: "https://vault.azure.net" }),
    await stack.entra.issueToken({ ...good, roles: ["Other"] }),
    await stack.entra.issueToken(good, { tenantId: contoso.tenantId }),
    "eyJhbGciOiJub25lIn0.e30.",
  ];
  for (const callerToken of tokens) {
    const { status, body, headers } = await askToken(stack, contoso.tenantId, { callerToken });
    assert.equal(status, 401);
    assert.equal(body.error, "invalid_token");
    assert.equal(body.error_description, "Keyhold: the caller's token was not accepted");
    assert.equal(headers.get("www-authenticate"), 'Bearer error="invalid_token"');
  }
  const accepted = await askToken(stack, contoso.tenantId, { callerToken: await stack.entra.issueToken(good) });
  assert.equal(accepted.status, 200, "the fixture itself is good");
});

test("a caller with a grant for it gets an assertion, and Entra accepts it", async () => {
  const ask = async (caller: "sync" | "billing") =>
    fetch(`${stack.functions.httpsUrl}/${contoso.tenantId}/assertion`, {
      method: "POST",
      headers: { authorization: `Bearer ${await stack.callerToken(caller)}`, "content-type": "application/json" },
      body: JSON.stringify({ client_id: world.client.clientId }),
    });
  assert.equal((await ask("billing")).status, 403);
  const response = await ask("sync");
  assert.equal(response.status, 200);
  const assertion = (await response.json()) as Record<string, string | number>;
  assert.ok(Number(assertion.expires_in) <= 120);
  const traded = await fetch(`https://localhost:${stack.ports.entra}/${contoso.tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: world.client.clientId,
      scope: world.scopes.orders,
      client_assertion_type: String(assertion.client_assertion_type),
      client_assertion: String(assertion.client_assertion),
    }),
  });
  assert.equal(traded.status, 200);
  const rows = await settledLedgerRows(stack);
  assert.equal(rows.filter(({ purpose, outcome }) => purpose === "assertion" && outcome === "handed_out").length, 1);
});

test("no token, assertion or key URL is in the log, in the ledger or in the logs of the vault and Entra", async () => {
  const written = [
    stack.functions.output(),
    JSON.stringify(await settledLedgerRows(stack)),
    JSON.stringify(stack.entra.audit),
  ];
  for (const text of written) {
    assert.ok(text.length > 100);
    assert.doesNotMatch(text, /eyJ[A-Za-z0-9_-]{10}/);
    assert.ok(!text.includes(world.vaultHost));
  }
  assert.ok(!JSON.stringify(stack.keyVault.audit).includes("eyJ"));
});

test("every signature of this file has its row in the ledger, and every row has its signature", async () => {
  const rows = await settledLedgerRows(stack);
  const signs = stack.keyVault.audit.filter((event) => event.OperationName === "KeySign");
  assert.deepEqual(rows.map((row) => row.vaultRequestId).sort(), signs.map((event) => event.CorrelationId).sort());
});
