/** In the home tenant only our own APIs can be granted: no control plane of Microsoft's, in any spelling (T8). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type AccessPolicy, authorize } from "../../../../src/domain/policy/access-policy.ts";
import { compilePolicy } from "../../../../src/domain/policy/compile.ts";
import { isDirectoryGraph } from "../../../../src/domain/policy/grantable.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { parseScope, type Scope } from "../../../../src/domain/shared/scope.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { compiled, grant, validPolicy } from "../../../support/fixtures/policy.ts";

const context = {
  ...{ cloud: clouds.public, homeTenantId: ids.homeTenantId, nowMs: startMs },
  keyholdApplicationId: ids.audience,
};
const billing = { tenantId: ids.homeTenantId, objectId: ids.billingObjectId, azp: ids.billingAzp };

/** A policy that grants the scopes in the home tenant, and in contoso. */
function withGrantAtHome(...scopes: string[]): AccessPolicy {
  return compiled({ ...validPolicy(), grants: [grant({ tenants: ["home", "contoso"], scopes })] }, context);
}

function isGranted(policy: AccessPolicy, scope: Scope, tenantId = ids.homeTenantId): boolean {
  return authorize(policy, billing, { clientId: ids.clientId, tenantId, issues: "token", scope }).ok;
}

/** By name: hosts of Microsoft's services in all clouds, and names that are no URL. */
const names = [
  ...["management.azure.com", "management.core.windows.net", "management.usgovcloudapi.net"],
  ...["management.core.usgovcloudapi.net", "management.chinacloudapi.cn", "management.core.chinacloudapi.cn"],
  ...["vault.azure.net", "vault.usgovcloudapi.net", "vault.azure.cn", "managedhsm.azure.net"],
  ...["storage.azure.com", "kholddata.blob.core.windows.net", "kholddata.table.core.usgovcloudapi.net"],
  ...["api.loganalytics.io", "api.loganalytics.us", "api.loganalytics.azure.cn", "monitor.azure.com"],
  ...["app.vssps.visualstudio.com", "database.windows.net", "outlook.office365.com"],
];
const spellings = (host: string) => [
  ...[`https://${host}`, `https://${host}/`, `https://${host}//`, `https://${host.toUpperCase()}`, `HTTPS://${host}`],
  ...[`https://${host}.`, `https://${host}:443`, `https://user@${host}`, `http://${host}`, `https:/${host}`],
  ...[`api://${host}`, `spn:${host}`, `https://${host.replace("a", "%61")}`, `https://${host}/subscriptions`],
];

/** By application id: with these a resource looks like an API of our own. */
const applications: [what: string, id: string][] = [
  ["Azure Resource Manager", "797f4846-ba00-4fd7-ba43-dac1f8f63013"],
  ["Key Vault", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"],
  ["Managed HSM", "589d5083-6f11-4d30-a62a-a4b316a14abf"],
  ["Storage", "e406a681-f3d4-42a8-90b6-c2b029497af1"],
  ["Log Analytics", "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5"],
  ["Application Insights", "f5c26e74-f226-4ae8-85f0-b4af0080ac9e"],
  ["Azure Monitor", "e933bd07-d2ee-4f1d-933c-3752b819567b"],
  ["Azure SQL Database", "022907d3-0f1b-48f7-badc-1ba6abab6d66"],
  ["Azure DevOps", "499b84ac-1321-427f-aa17-267ca6975798"],
  ["token exchange", "fb60f99c-7a34-4190-8149-302f77469936"],
  ["Privileged Identity Management", "01fc33a7-78ba-4d2f-a4b7-768e336e890e"],
  ["Microsoft Graph", "00000003-0000-0000-c000-000000000000"],
  ["Azure AD Graph", "00000002-0000-0000-c000-000000000000"],
  ["Exchange", "00000002-0000-0ff1-ce00-000000000000"],
  ["Intune", "0000000a-0000-0000-c000-000000000000"],
];
const idSpellings = (id: string) => [
  ...[id, id.toUpperCase(), `api://${id}`, `API://${id.toUpperCase()}`, `api://${id}/`, `api://${id}//`],
  ...[`spn:${id}`, `https://${id}`, `api://${id}/x`, `api:///${id}`, `${id}/`],
];

const attacks: [what: string, resource: string][] = [
  ...names.flatMap((host) => spellings(host).map((resource): [string, string] => [host, resource])),
  ...applications.flatMap(([what, id]) => idSpellings(id).map((resource): [string, string] => [what, resource])),
  ...["api://AzureADTokenExchange", "API://azureadtokenexchange", "api://AzureADTokenExchangeUSGov"].map(
    (resource): [string, string] => ["token exchange", resource],
  ),
  ...idSpellings(ids.audience).map((resource): [string, string] => ["Keyhold itself", resource]),
  ...idSpellings(ids.unknownClientId).map((resource): [string, string] => ["an API that is not listed", resource]),
  ...[`https://${ids.homeApiId}`, `spn:${ids.homeApiId}`, `api://${ids.homeApiId}/`, "api://invoices"].map(
    (resource): [string, string] => ["an own API by anything but its id", resource],
  ),
];

const byTarget = Map.groupBy(
  attacks.flatMap(([what, resource]) => {
    const scope = parseScope(`${resource}/.default`);
    return scope === undefined ? [] : [{ what, scope }];
  }),
  ({ what }) => what,
);

describe("a grant in the home tenant does not reach", () => {
  for (const [what, scopes] of byTarget) {
    test(`${what}, written in ${scopes.length} ways`, () => {
      for (const { scope } of scopes) {
        const document = { ...validPolicy(), grants: [grant({ tenants: ["home"], scopes: [scope] })] };
        const policy = compilePolicy(document, context);
        // Graph refuses the whole policy, as it always did.
        if (!Array.isArray(policy)) assert.equal(isGranted(policy, scope), false, scope);
      }
    });
  }

  test("any of these because of this rule alone: elsewhere the same grants work", () => {
    const scopes = [...byTarget.values()].flat().map(({ scope }) => scope);
    assert.ok(scopes.length > 300, String(scopes.length));
    const elsewhere = compiled({ ...validPolicy(), grants: [grant({ scopes })] }, context);
    for (const scope of scopes) assert.ok(isGranted(elsewhere, scope, ids.contosoId), scope);
  });
});

test("an own API is granted by its application id, alone or as api://, in any case", () => {
  const id = ids.homeApiId;
  for (const resource of [id, id.toUpperCase(), `api://${id}`, `api://${id.toUpperCase()}`]) {
    const policy = withGrantAtHome(`${resource}/.default`);
    assert.ok(isGranted(policy, ids.scope(`${resource}/.default`)), resource);
    assert.deepEqual(policy.withheld, []);
  }
});

test("a policy without homeApis is still read: the scope at home is withheld and reported, the rest is granted", () => {
  const policy = withGrantAtHome(ids.homeApiScope, ids.vaultScope);
  assert.deepEqual(
    policy.withheld.map(({ path }) => path),
    ["grants[0].scopes[1]"],
  );
  assert.match(policy.withheld[0]?.rule ?? "", /not granted in the home tenant.*homeApis/);
  assert.equal(isGranted(policy, ids.vaultScope), false);
  assert.equal(isGranted(policy, ids.vaultScope, ids.contosoId), true);
  assert.equal(isGranted(policy, ids.homeApiScope), true);
});

test("an API by an application id that homeApis does not list is withheld and reported too", () => {
  const policy = withGrantAtHome(ids.homeApiScope, "11111111-0000-4000-8000-000000000000/.default");
  assert.deepEqual(
    policy.withheld.map(({ path }) => path),
    ["grants[0].scopes[1]"],
  );
});

test("Microsoft Graph at home refuses the whole policy, even beside an own API", () => {
  for (const scopes of [[ids.graphScope], [ids.homeApiScope, ids.graphScope]]) {
    const result = compilePolicy({ ...validPolicy(), grants: [grant({ tenants: ["home"], scopes })] }, context);
    assert.ok(Array.isArray(result));
    assert.match(result.map(({ rule }) => rule).join(), /^must not reach Microsoft Graph in the home tenant/);
  }
});

describe("a resource is the Graph of a directory", () => {
  const id = "00000003-0000-0000-c000-000000000000";
  const olderId = "00000002-0000-0000-c000-000000000000";
  const graphs = [
    ...[id, olderId, `api://${id}`, `https://x/${olderId}`, id.toUpperCase()],
    ...["https://graph.microsoft.com", "https://graph.windows.net", "https://GRAPH.microsoft.COM"],
    ...["https://eu.graph.microsoft.com", "https://user@graph.microsoft.com", "https://graph.microsoft.com:443"],
    ...["https://graph.microsoft.com./", "https://gr%61ph.microsoft.com"],
  ];
  for (const resource of graphs) {
    test(`written as ${resource}`, () => assert.ok(isDirectoryGraph(ids.scope(`${resource}/.default`))));
  }

  test("and others are not, although their names are similar", () => {
    for (const resource of ["https://mygraph.microsoft.com", "https://graph.microsoft.com.example", ids.homeApiId]) {
      assert.equal(isDirectoryGraph(ids.scope(`${resource}/.default`)), false, resource);
    }
  });
});

test("a grant for all active tenants is not withheld: it never meant the home tenant", () => {
  const document = { ...validPolicy(), grants: [grant({ tenants: "all-active", scopes: [ids.vaultScope] })] };
  assert.deepEqual(compiled(document, context).withheld, []);
});

describe("homeApis reject", () => {
  const problemsOf = (...applicationIds: string[]) => {
    const homeApis = applicationIds.map((applicationId, i) => ({ name: `api-${i}`, applicationId }));
    const result = compilePolicy({ ...validPolicy(), grants: [], homeApis }, context);
    return Array.isArray(result) ? result : [];
  };
  for (const [what, id] of [...applications, ["Keyhold itself", ids.audience] as const]) {
    test(what, () => {
      const [problem] = problemsOf(id.toUpperCase());
      assert.equal(problem?.path, "homeApis[0].applicationId");
      assert.match(problem?.rule ?? "", /must be an API of your own|must not be Keyhold itself/);
    });
  }

  test("a value that is not a GUID, or is listed twice", () => {
    assert.match(problemsOf("invoices")[0]?.rule ?? "", /GUID/);
    assert.match(problemsOf(ids.homeApiId, ids.homeApiId.toUpperCase())[0]?.rule ?? "", /unique/);
  });
});
