import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts } from "../../local/stack/ports.ts";
import * as world from "../../local/stack/world.ts";
import { type Json, readOpenApi } from "../support/fixtures/openapi-document.ts";
import { type ApiRequest, answerProblems, requestProblems, send } from "../support/fixtures/openapi-exchange.ts";
import { mutationsOf } from "../support/fixtures/openapi-mutations.ts";
import { testStack } from "../support/test-stack.ts";

/** docs/reference/openapi.yaml against the running app: nothing in it is untrue, and nothing that the app does is missing. */
const api = await readOpenApi();
const { contoso, fabrikam, adatum } = world.tenants;
const { clientId } = world.client;
const { graph, orders } = world.scopes;

const stack = await testStack({ startFunctions: false });
const policy = world.policyOf(stack.key, stack.publisher);
/** Its metadata is kept, but Entra has none, so nothing of it is ever verified. */
policy.metadata.push({ tenant: adatum.tenantId });
stack.entra.removeTenant(adatum.tenantId);
await stack.writePolicy(policy);
const main = await stack.addInstance(stack.ports);
const stingy = await stack.addInstance(await freePorts(), { KEYHOLD_MINTS_PER_MINUTE_PER_CALLER: "1" });
const withoutPolicy = await stack.addInstance(await freePorts(), {
  KEYHOLD_POLICY_FILE: join(stack.folder, "no-such-policy.json"),
});
await fetch(`${main.httpUrl}/admin/functions/refreshMetadata?wait=true`, { method: "POST", body: "{}" });
const own = { billing: await stack.callerToken("billing"), sync: await stack.callerToken("sync") };

const exercised = new Set<string>();

function operationOf(operationId: string) {
  const found = api.operations.find((operation) => operation.operationId === operationId);
  assert.ok(found, operationId);
  return found;
}

/** Sends it, and holds the answer against the document. */
async function exchange(operationId: string, request: ApiRequest, origin = main.httpsUrl) {
  const operation = operationOf(operationId);
  const answer = await send(origin, operation, request);
  assert.deepEqual(answerProblems(api, operation, answer), [], `${operationId} ${answer.status}`);
  exercised.add(`${operationId} ${answer.status}`);
  return answer;
}

/** A request that the document allows, and the status of its answer. */
async function expectStatus(operationId: string, status: number, request: ApiRequest, origin?: string) {
  assert.deepEqual(requestProblems(api, operationOf(operationId), request), [], "the document allows the request");
  const answer = await exchange(operationId, request, origin);
  assert.equal(answer.status, status, answer.body);
  return answer;
}

/** A request that the document forbids is refused, whatever else is right about it. */
async function expectRefused(operationId: string, request: ApiRequest) {
  assert.notDeepEqual(requestProblems(api, operationOf(operationId), request), [], "the document forbids the request");
  await expectVerdict(operationId, request);
}

/** Accepted if the document allows it, refused if not. */
async function expectVerdict(operationId: string, request: ApiRequest) {
  const problems = requestProblems(api, operationOf(operationId), request);
  const { status } = await exchange(operationId, request);
  assert.equal(status < 400, problems.length === 0, `answered with ${status}; the document finds: ${problems}`);
  assert.ok(status < 500, `answered with ${status}`);
}

interface Presentation {
  how: string;
  headers: Record<string, string>;
  parameters: Json;
  grantType: string;
}

const clientCredentials = "client_credentials";
const tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";

function presentations(callerToken: string): Presentation[] {
  const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
  const tokenType = "urn:ietf:params:oauth:token-type:access_token";
  return [
    {
      how: "in the Authorization header",
      headers: { authorization: `Bearer ${callerToken}` },
      parameters: {},
      grantType: clientCredentials,
    },
    {
      how: "as client_assertion",
      headers: {},
      parameters: { client_assertion: callerToken, client_assertion_type: assertionType },
      grantType: clientCredentials,
    },
    {
      how: "as subject_token",
      headers: {},
      parameters: { subject_token: callerToken, subject_token_type: tokenType },
      grantType: tokenExchange,
    },
  ];
}

function tokenRequest(options: { tenantId?: string; scope?: string; callerToken?: string } = {}): ApiRequest {
  return {
    path: { tenantId: options.tenantId ?? contoso.tenantId },
    headers: { authorization: `Bearer ${options.callerToken ?? own.billing}` },
    body: {
      encoding: "form",
      parameters: { grant_type: clientCredentials, client_id: clientId, scope: options.scope ?? graph },
    },
  };
}

function assertionRequest(callerToken = own.sync): ApiRequest {
  return {
    path: { tenantId: contoso.tenantId },
    headers: { authorization: `Bearer ${callerToken}` },
    body: { encoding: "json", parameters: { client_id: clientId } },
  };
}

test("the document has the structure of OpenAPI 3.1, and a misspelt or missing member is reported", () => {
  assert.deepEqual(api.structureErrors(), []);
  const { info, ...withoutInfo } = api.document;
  for (const broken of [
    withoutInfo,
    { ...api.document, openapi: "3.0.3" },
    { ...api.document, info: { ...(info as Json), licence: {} } },
    { ...api.document, paths: { "health/live": {} } },
    { ...api.document, paths: { "/health/live": { get: { operationId: "x", summary: "x", security: [] } } } },
  ]) {
    assert.notDeepEqual(api.structureErrors(broken), []);
  }
});

test("every schema compiles, every reference has a target, and every component is used", () => {
  const references = [...JSON.stringify(api.document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, name]) => name ?? "");
  for (const $ref of references) assert.ok(api.resolve({ $ref }), $ref);
  for (const [kind, components] of Object.entries(api.document.components as Record<string, Json>)) {
    for (const name of Object.keys(components)) {
      if (kind === "schemas") assert.ok(api.validator({ $ref: `#/components/schemas/${name}` }, "answer"), name);
      const isUsed = references.includes(`#/components/${kind}/${name}`) || kind === "securitySchemes";
      assert.ok(isUsed, `${kind} ${name} is used`);
    }
  }
});

test("every example is valid by its schema and contains no token", () => {
  assert.doesNotMatch(JSON.stringify(api.document), /eyJ/);
  let count = 0;
  const visit = (value: unknown, use: "request" | "answer"): void => {
    if (typeof value !== "object" || value === null) return;
    const { schema, examples, example } = value as { schema?: unknown; examples?: Record<string, Json> } & Json;
    const values = [...Object.values(examples ?? {}).map((one) => one.value), ...(example ? [example] : [])];
    for (const one of schema === undefined ? [] : values) {
      const validate = api.validator(schema, use);
      assert.ok(validate(one), JSON.stringify([one, validate.errors]));
      count++;
    }
    for (const [name, member] of Object.entries(value)) visit(member, name === "requestBody" ? "request" : use);
  };
  visit(api.document, "answer");
  assert.ok(count > 20, `${count} examples`);
});

test("the document has the package's version", async () => {
  const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
  assert.equal((api.document.info as Json).version, version);
});

test("every HTTP function is an operation of the document under its own name, and vice versa", () => {
  const registered = main.functions
    .filter(({ trigger }) => trigger === "httpTrigger")
    .flatMap(({ name, route, methods = [] }) => {
      assert.equal(methods.includes("HEAD"), methods.includes("GET"), `${name}: what answers GET answers HEAD`);
      return methods.filter((method) => method !== "HEAD").map((method) => `${name}: ${method} ${route}`);
    });
  const declared = api.operations.map(({ operationId, method, path }) => `${operationId}: ${method} ${path}`);
  assert.deepEqual(declared.sort(), registered.sort());
});

test("the errors of the document are those of the documented table, row by row", async () => {
  const page = await readFile(new URL("../../docs/reference/errors.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| (\d{3}) \| `([a-z_]+)` \|/gm)].map(([, status, error]) => `${status} ${error}`);
  const { responses } = operationOf("token").operation as { responses: Json };
  const declared = Object.entries(responses).flatMap(([status, response]) => {
    const content = api.resolve(response).content as Record<string, { examples: Record<string, Json> }>;
    const errors = Object.entries(content["application/json"]?.examples ?? {}).filter(([, { value }]) => {
      return (value as Json).error !== undefined;
    });
    for (const [name, { value }] of errors) assert.equal((value as Json).error, name);
    return errors.map(([name]) => `${status} ${name}`);
  });
  assert.deepEqual(declared.sort(), rows.sort());
});

for (const encoding of ["form", "json"] as const) {
  for (const [operationId, callerToken] of [
    ["token", own.billing],
    ["assertion", own.sync],
  ] as const) {
    for (const { how, headers, parameters, grantType } of presentations(callerToken)) {
      const asked = operationId === "token" ? { grant_type: grantType, scope: graph } : {};
      const valid: ApiRequest & { body: { parameters: Json } } = {
        path: { tenantId: contoso.tenantId },
        headers,
        body: { encoding, parameters: { client_id: clientId, ...asked, ...parameters } },
      };

      test(`${operationId}: the caller's token ${how}, as ${encoding}, is answered with 200`, async () => {
        await expectStatus(operationId, 200, valid);
      });

      test(`${operationId}: with the token ${how}, as ${encoding}, exactly what the document forbids is refused`, async (t) => {
        const { content } = operationOf(operationId).operation.requestBody as { content: Record<string, Json> };
        const mutations = mutationsOf(api, content["application/json"]?.schema, valid.body.parameters);
        assert.ok(mutations.length >= 15, `${mutations.length} mutations`);
        for (const { what, parameters: mutated } of mutations) {
          await t.test(what, () => expectVerdict(operationId, { ...valid, body: { encoding, parameters: mutated } }));
        }
        const { authorization, ...others } = headers;
        const turned = authorization ? others : { ...headers, authorization: `Bearer ${callerToken}` };
        await t.test("in no place, or in two places", () => expectRefused(operationId, { ...valid, headers: turned }));
        await t.test("with a name instead of a tenant's GUID", () =>
          expectRefused(operationId, { ...valid, path: { tenantId: "contoso.example" } }),
        );
        await t.test("as another media type", () =>
          expectRefused(operationId, { ...valid, headers: { ...headers, "content-type": "text/plain" } }),
        );
      });
    }
  }
}

test("a number instead of a string is refused in JSON", () =>
  expectRefused("assertion", { ...assertionRequest(), body: { encoding: "json", parameters: { client_id: 7 } } }));

test("401: no caller's token, or an invalid one", async () => {
  const { headers: _, ...withoutToken } = tokenRequest();
  const { status, headers, body } = await exchange("token", withoutToken);
  assert.equal(status, 401);
  assert.equal(headers.get("www-authenticate"), "Bearer");
  assert.match(body, /Keyhold: no caller token: send/);
  await expectStatus("token", 401, tokenRequest({ callerToken: "none" }));
  await expectStatus("assertion", 401, assertionRequest("none"));
});

test("403: a caller without a grant", async () => {
  await expectStatus("token", 403, tokenRequest({ callerToken: await stack.callerToken("visitor") }));
  await expectStatus("assertion", 403, assertionRequest(own.billing));
});

test("404: paths of the platform are not tenants, in any spelling", async () => {
  for (const tenantId of ["admin", "ADMIN", "Runtime"]) {
    for (const operationId of ["token", "assertion", "openid-configuration"]) {
      const isGet = operationOf(operationId).method === "GET";
      const { status } = await exchange(operationId, isGet ? { path: { tenantId } } : tokenRequest({ tenantId }));
      assert.equal(status, 404, `${operationId} ${tenantId}`);
    }
  }
});

test("400: a request of the v1 protocol gets a hint what to send instead", async () => {
  const { body } = await exchange("token-v1", tokenRequest());
  assert.match(body, /oauth2\/v2\.0\/token with scope=<resource>\/\.default/);
});

test("411: a body that is sent chunked, which the platform does not pass on", async () => {
  for (const [operationId, path] of [
    ["token", "oauth2/v2.0/token"],
    ["assertion", "assertion"],
  ] as const) {
    const response = await fetch(`${main.httpsUrl}/${contoso.tenantId}/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${own.billing}`, "content-type": "application/json" },
      body: new Blob([JSON.stringify({ client_id: clientId })]).stream(),
      duplex: "half",
    } as RequestInit);
    const answer = { status: response.status, headers: response.headers, body: await response.text() };
    assert.equal(answer.status, 411, answer.body);
    assert.deepEqual(answerProblems(api, operationOf(operationId), answer), []);
    assert.match(answer.body, /send it with a Content-Length/);
    exercised.add(`${operationId} 411`);
  }
});

test("every path that answers GET answers HEAD, with the same headers and without a body", async () => {
  for (const path of ["health/live", "health/ready", `${contoso.tenantId}/discovery/v2.0/keys`]) {
    const [got, head] = await Promise.all(
      ["GET", "HEAD"].map((method) => fetch(`${main.httpsUrl}/${path}`, { method })),
    );
    assert.equal(head?.status, 200, path);
    assert.equal(head?.headers.get("etag"), got?.headers.get("etag"));
    assert.equal(head?.headers.get("content-type"), got?.headers.get("content-type"));
    assert.equal(await head?.text(), "");
  }
});

test("413: a body over 64 KiB", async () => {
  for (const [operationId, request] of [
    ["token", tokenRequest()],
    ["assertion", assertionRequest()],
  ] as const) {
    const { encoding, parameters } = request.body ?? assert.fail();
    const body = { encoding, parameters: { ...parameters, padding: "x".repeat(65_536) } };
    await expectStatus(operationId, 413, { ...request, body });
  }
});

test("424: a tenant that has not consented, with the URL for its consent", async () => {
  const { body } = await expectStatus("token", 424, tokenRequest({ tenantId: fabrikam.tenantId }));
  assert.match(body, /admin_consent_url/);
});

test("400 invalid_target: a resource that Entra does not offer in the tenant", async () => {
  stack.entra.forceError(contoso.tenantId, 500011);
  const { body } = await expectStatus("token", 400, tokenRequest({ scope: orders }));
  stack.entra.forceError(contoso.tenantId, undefined);
  assert.match(body, /"invalid_target"/);
});

test("429: a caller that asks for more new tokens than it may", async () => {
  const { httpsUrl } = stingy;
  await expectStatus("token", 200, tokenRequest({ scope: graph }), httpsUrl);
  await expectStatus("token", 429, tokenRequest({ scope: orders }), httpsUrl);
  await expectStatus("assertion", 200, assertionRequest(), httpsUrl);
  await expectStatus("assertion", 429, assertionRequest(), httpsUrl);
});

test("502: a vault that does not allow Keyhold to sign", async () => {
  stack.keyVault.setKeyEnabled(world.client.keyName, stack.key.version, false);
  await expectStatus("token", 502, tokenRequest({ tenantId: fabrikam.tenantId, scope: orders }));
  await expectStatus("assertion", 502, assertionRequest());
  stack.keyVault.setKeyEnabled(world.client.keyName, stack.key.version, true);
});

test("503: no policy is in force", async () => {
  await expectStatus("token", 503, tokenRequest(), withoutPolicy.httpsUrl);
  await expectStatus("assertion", 503, assertionRequest(), withoutPolicy.httpsUrl);
});

test("discovery is the same for every tenant, and refuses an invalid one", async () => {
  await expectStatus("openid-configuration", 200, { path: { tenantId: contoso.tenantId } });
  await expectRefused("openid-configuration", { path: { tenantId: "common" } });
});

for (const operationId of ["keys", "federation-metadata", "idp-metadata"]) {
  test(`${operationId}: verified, not modified, unknown, and known but not verified`, async () => {
    const { headers } = await expectStatus(operationId, 200, { path: { tenantId: contoso.tenantId } });
    const known = { "If-None-Match": headers.get("etag") ?? "" };
    await expectStatus(operationId, 304, { path: { tenantId: contoso.tenantId }, headers: known });
    // Many tenants have no identity provider of their own.
    await expectStatus(operationId, operationId === "idp-metadata" ? 404 : 200, { path: { tenantId: "common" } });
    await expectStatus(operationId, 404, { path: { tenantId: fabrikam.tenantId } });
    await expectStatus(operationId, 404, { path: { tenantId: contoso.tenantId }, query: { appid: clientId } });
    await expectRefused(operationId, { path: { tenantId: "contoso.example" } });
    await expectRefused(operationId, { path: { tenantId: contoso.tenantId }, query: { appid: "none" } });
    await expectStatus(operationId, 503, { path: { tenantId: adatum.tenantId } });
  });
}

test("health: live, ready, and not ready without a policy", async () => {
  await expectStatus("health-live", 200, {});
  await expectStatus("health-ready", 200, {});
  await expectStatus("health-ready", 503, {}, withoutPolicy.httpsUrl);
});

test("a difference between an answer and the document is reported", () => {
  const token = operationOf("token");
  const noStore = { "cache-control": "no-store", pragma: "no-cache", "content-type": "application/json" };
  const good = { token_type: "Bearer", expires_in: 1, access_token: "x" };
  const refused = { error: "access_denied", error_description: "Keyhold: x", timestamp: "2026-01-01T00:00:00.000Z" };
  const problems = (status: number, headers: Record<string, string>, body: unknown) =>
    answerProblems(api, token, { status, headers: new Headers(headers), body: JSON.stringify(body) });
  assert.deepEqual(problems(200, noStore, good), [], "the fixture itself is good");
  assert.match(problems(418, noStore, good).join(), /status 418/);
  assert.match(problems(200, { ...noStore, pragma: "" }, good).join(), /header Pragma/);
  assert.match(problems(200, { ...noStore, etag: '"x"' }, good).join(), /header etag is not declared/);
  assert.match(problems(200, { ...noStore, "content-type": "text/html" }, good).join(), /text\/html/);
  assert.match(problems(200, noStore, { ...good, refresh_token: "x" }).join(), /unevaluated/);
  assert.match(problems(200, noStore, { ...good, token_type: "bearer" }).join(), /token_type/);
  assert.match(problems(403, noStore, refused).join(), /correlation_id/);
  assert.match(problems(403, noStore, { ...refused, error: "not_granted" }).join(), /error not_granted/);
});

/** Declared, but not to be had from a running app without a bug in it. */
const notExercised = {
  "token 500": "a bug: test/unit/http/oauth-response.test.ts has the answer",
  "assertion 500": "a bug: the same code as of token",
};

test("every declared status was exercised, except for a short list", () => {
  const declared = api.operations.flatMap(({ operationId, operation }) =>
    Object.keys(operation.responses as Json).map((status) => `${operationId} ${status}`),
  );
  const left = declared.filter((name) => !exercised.has(name));
  assert.deepEqual(left.sort(), Object.keys(notExercised).sort());
});
