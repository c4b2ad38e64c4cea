/** All rights that a policy grants, as a set by which two policies can be compared. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { authorize } from "../../../../src/domain/policy/access-policy.ts";
import type { PolicyDocument } from "../../../../src/domain/policy/document.ts";
import { rightKey, rightsOf } from "../../../../src/domain/policy/rights.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { compiled, grant, named, validPolicy } from "../../../support/fixtures/policy.ts";

const rightsIn = (document: PolicyDocument) => [...rightsOf(compiled(document)).values()];
const places = (document: PolicyDocument) => rightsIn(document).map(({ tenantId }) => tenantId);

test("each right is an authorized request, and no other request is authorized", () => {
  const policy = compiled();
  const rights = rightsOf(policy);
  const asks = [
    ...[ids.graphScope, ids.vaultScope, ids.homeApiScope].map((scope) => ({ issues: "token" as const, scope })),
    { issues: "assertion" as const },
  ];
  let granted = 0;
  for (const { objectId: callerId, azp } of policy.callers.values()) {
    for (const { clientId } of policy.clients.values()) {
      for (const { tenantId } of policy.tenants.values()) {
        for (const ask of asks) {
          const caller = { tenantId: ids.homeTenantId, objectId: callerId, azp };
          const isGranted = authorize(policy, caller, { clientId, tenantId, ...ask }).ok;
          assert.equal(rights.has(rightKey({ callerId, clientId, tenantId, ...ask })), isGranted);
          if (isGranted) granted += 1;
        }
      }
    }
  }
  const later = [...rights.values()].filter(({ tenantId }) => tenantId === "*");
  assert.equal(rights.size, granted + later.length);
  assert.equal(later.length, 2, "exporter: a token and an assertion");
});

test("a grant for all active tenants is more than one for every existing tenant", () => {
  const all = { ...validPolicy(), grants: [grant({ tenants: "all-active" })] };
  const each = { ...validPolicy(), grants: [grant({ tenants: ["contoso", "fabrikam"] })] };
  assert.deepEqual(places(all), [ids.contosoId, ids.fabrikamId, "*"]);
  assert.deepEqual(places(each), [ids.contosoId, ids.fabrikamId]);
});

test("a suspended right, or one withheld in the home tenant, is no right, for later tenants either", () => {
  for (const kind of ["callers", "clients"] as const) {
    const document = { ...validPolicy(), grants: [grant({ tenants: "all-active" })] };
    named(document[kind] as PolicyDocument["callers"], kind === "callers" ? "billing" : "broker").state = "suspended";
    assert.deepEqual(rightsIn(document), []);
  }
  const withheld = { ...validPolicy(), grants: [grant({ tenants: ["home"], scopes: [ids.vaultScope] })] };
  assert.deepEqual(rightsIn(withheld), []);
});

test("two grants of one right are one right", () => {
  const document = { ...validPolicy(), grants: [grant({}), grant({ tenants: ["contoso", "fabrikam"] })] };
  assert.deepEqual(places(document), [ids.contosoId, ids.fabrikamId]);
});
