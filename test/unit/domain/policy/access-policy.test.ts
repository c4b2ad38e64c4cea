/** Who may get what: deny by default, exact match, and the reason for the operator. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Caller } from "../../../../src/domain/policy/access-policy.ts";
import { type Ask, authorize } from "../../../../src/domain/policy/access-policy.ts";
import type { GrantDocument } from "../../../../src/domain/policy/document.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { compiled, grant, named, validPolicy } from "../../../support/fixtures/policy.ts";
import { holds } from "../../../support/fixtures/property.ts";

const billing: Caller = { tenantId: ids.homeTenantId, objectId: ids.billingObjectId, azp: ids.billingAzp };
const exporter: Caller = { tenantId: ids.homeTenantId, objectId: ids.exporterObjectId, azp: undefined };
const request = { clientId: ids.clientId, tenantId: ids.contosoId, issues: "token" as const, scope: ids.graphScope };
const assertion = { clientId: ids.clientId, tenantId: ids.contosoId, issues: "assertion" as const };

function reasonOf(caller: Caller, ask: Parameters<typeof authorize>[2], policy = compiled()): string {
  const result = authorize(policy, caller, ask);
  if (!result.ok) assert.equal(result.refusal.callerObjectId, caller.objectId);
  return result.ok ? "granted" : result.refusal.because;
}

describe("authorize", () => {
  test("returns caller, client and tenant of a grant", () => {
    const result = authorize(compiled(), billing, request);
    assert.ok(result.ok);
    const { caller, client, tenant } = result.value;
    assert.deepEqual([caller.name, client.name, tenant.name], ["billing", "broker", "contoso"]);
  });

  const cases: [name: string, caller: Caller, ask: Parameters<typeof authorize>[2], reason: string][] = [
    ["grants what is written out", billing, request, "granted"],
    ["refuses an unknown caller", { ...billing, objectId: ids.strangerObjectId }, request, "caller_unknown"],
    ["refuses a suspended caller", { ...billing, objectId: ids.leaverObjectId }, request, "caller_suspended"],
    ["refuses another azp", { ...billing, azp: ids.audience }, request, "caller_azp_mismatch"],
    ["refuses a missing azp where one is asked for", { ...billing, azp: undefined }, request, "caller_azp_mismatch"],
    ["takes any azp where none is asked for", { ...exporter, azp: ids.audience }, request, "granted"],
    ["refuses an unknown client", billing, { ...request, clientId: ids.unknownClientId }, "client_unknown"],
    ["refuses a suspended client", billing, { ...request, clientId: ids.suspendedClientId }, "client_suspended"],
    ["refuses an unknown tenant", billing, { ...request, tenantId: ids.unknownTenantId }, "tenant_unknown"],
    ["refuses a suspended tenant", billing, { ...request, tenantId: ids.suspendedTenantId }, "tenant_suspended"],
    ["refuses another tenant (T3)", billing, { ...request, tenantId: ids.fabrikamId }, "no_grant"],
    ["refuses another scope (T2)", billing, { ...request, scope: ids.vaultScope }, "no_grant"],
    [
      "refuses a scope in other case",
      billing,
      { ...request, scope: ids.scope("HTTPS://graph.microsoft.com/.default") },
      "no_grant",
    ],
    [
      "refuses a scope with a slash more",
      billing,
      { ...request, scope: ids.scope("https://graph.microsoft.com//.default") },
      "no_grant",
    ],
    ["refuses an assertion to whoever may have tokens", billing, assertion, "no_grant"],
    ["grants an assertion that is written out", exporter, assertion, "granted"],
    ["grants all active tenants", exporter, { ...request, tenantId: ids.fabrikamId }, "granted"],
    [
      "does not count a suspended tenant among them",
      exporter,
      { ...request, tenantId: ids.suspendedTenantId },
      "tenant_suspended",
    ],
    [
      "does not count an unlisted tenant among them",
      exporter,
      { ...request, tenantId: ids.unknownTenantId },
      "tenant_unknown",
    ],
    [
      "grants the home tenant where it is written out",
      billing,
      { ...request, tenantId: ids.homeTenantId, scope: ids.homeApiScope },
      "granted",
    ],
    [
      "refuses Graph in the home tenant (T8)",
      billing,
      { ...request, tenantId: ids.homeTenantId },
      "home_tenant_resource",
    ],
    [
      "refuses assertions for the home tenant (T8)",
      exporter,
      { ...assertion, tenantId: ids.homeTenantId },
      "home_tenant_resource",
    ],
  ];
  for (const [name, caller, ask, reason] of cases) test(name, () => assert.equal(reasonOf(caller, ask), reason));

  test("all active tenants never includes the home tenant, for no scope", () => {
    const document = validPolicy();
    document.grants = [grant({ tenants: "all-active", scopes: [ids.homeApiScope] })];
    const policy = compiled(document);
    const home = { ...request, tenantId: ids.homeTenantId, scope: ids.homeApiScope };
    assert.equal(reasonOf(billing, home, policy), "no_grant");
    assert.equal(reasonOf(billing, { ...home, tenantId: ids.contosoId }, policy), "granted");
  });

  test("a grant that names a tenant and one for all active tenants add up", () => {
    const document = validPolicy();
    document.grants.push(grant({ tenants: "all-active", scopes: [ids.vaultScope] }));
    const policy = compiled(document);
    for (const scope of [ids.graphScope, ids.vaultScope]) {
      assert.equal(reasonOf(billing, { ...request, scope }, policy), "granted");
    }
  });

  test("grants for scopes and for assertions of one caller and tenant add up and do not extend each other", () => {
    const document = validPolicy();
    document.grants.push(grant({ scopes: [], issues: ["assertion"] }), grant({ scopes: [ids.vaultScope] }));
    const policy = compiled(document);
    assert.equal(reasonOf(billing, { ...request, scope: ids.vaultScope }, policy), "granted");
    assert.equal(reasonOf(billing, request, policy), "granted");
    assert.equal(reasonOf(billing, assertion, policy), "granted");
    assert.equal(reasonOf(billing, { ...request, scope: ids.storageScope }, policy), "no_grant");
    assert.equal(reasonOf(exporter, { ...request, scope: ids.vaultScope }, policy), "no_grant");
  });

  test("without grants nothing is granted", () => {
    const policy = compiled({ ...validPolicy(), grants: [] });
    for (const caller of [billing, exporter]) assert.equal(reasonOf(caller, request, policy), "no_grant");
  });
});

describe("for any set of grants", () => {
  const callers = ["billing", "exporter"];
  const tenants = ["contoso", "fabrikam", "home"];
  const scopes = [ids.homeApiScope, ids.vaultScope];
  const grants: fc.Arbitrary<GrantDocument[]> = fc.array(
    fc.record({
      caller: fc.constantFrom(...callers),
      client: fc.constant("broker"),
      tenants: fc.oneof(fc.subarray(tenants, { minLength: 1 }), fc.constant("all-active" as const)),
      scopes: fc.subarray<string>(scopes, { minLength: 1 }),
      issues: fc.constant(["token"] as "token"[]),
    }),
    { maxLength: 6 },
  );

  test("only what some grant names is granted", async (t) => {
    const property = fc.property(grants, (documents) => {
      const document = { ...validPolicy(), grants: documents };
      const policy = compiled(document);
      for (const callerName of callers) {
        for (const tenantName of tenants) {
          for (const scope of scopes) {
            const expected = documents.some(
              (each) =>
                each.caller === callerName &&
                each.scopes.includes(scope) &&
                (each.tenants === "all-active" ? tenantName !== "home" : each.tenants.includes(tenantName)) &&
                (tenantName !== "home" || scope === ids.homeApiScope),
            );
            const caller = callerName === "billing" ? billing : exporter;
            const ask: Ask = { issues: "token", scope };
            const tenantId = ids.guid(named(document.tenants, tenantName).tenantId);
            const reason = reasonOf(caller, { clientId: ids.clientId, tenantId, ...ask }, policy);
            assert.equal(reason === "granted", expected, `${callerName} ${tenantName} ${scope}: ${reason}`);
          }
        }
      }
    });
    await holds(t, property, 100);
  });
});
