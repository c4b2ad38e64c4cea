import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compilePolicy } from "../../../../src/domain/policy/compile.ts";
import { isDirectoryGraph } from "../../../../src/domain/policy/grantable.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { parseScope, resourceOf } from "../../../../src/domain/shared/scope.ts";
import { homeTenantId, scope } from "../../../support/fixtures/ids.ts";
import { grant, validPolicy } from "../../../support/fixtures/policy.ts";
import { holds } from "../../../support/fixtures/property.ts";

describe("parseScope", () => {
  for (const text of [
    "https://graph.microsoft.com/.default",
    "https://graph.microsoft.com//.default",
    "HTTPS://Graph.microsoft.com/.default",
    "urn:example:resource/.default",
    "api://50000000-eeee-4000-8000-000000000001/.default",
    "00000003-0000-0000-c000-000000000000/.default",
    `https://${"x".repeat(495)}/.default`,
  ]) {
    test(`accepts ${text.slice(0, 60)}`, () => assert.equal(parseScope(text), text));
  }

  for (const text of [
    "",
    ".default",
    "/.default",
    "openid",
    "graph.microsoft.com/.default",
    "//graph.microsoft.com/.default",
    "{00000003-0000-0000-c000-000000000000}/.default",
    "00000003-0000-0000-c000-000000000000/graph.microsoft.com/.default",
    "eyJhbGciOiJub25lIn0.e30.x/.default",
    "https://graph.microsoft.com/User.Read",
    "https://graph.microsoft.com/.default ",
    " https://graph.microsoft.com/.default",
    "https://graph.microsoft.com/.default openid",
    "a/.default b/.default",
    "https://graph.microsoft.com/.DEFAULT",
    "https://graph.microsoft.com/.default\n",
    "https://gräph.microsoft.com/.default",
    'https://graph"/.default',
    "https:\\\\graph/.default",
    `https://${"x".repeat(496)}/.default`,
  ]) {
    test(`refuses ${JSON.stringify(text).slice(0, 60)}`, () => assert.equal(parseScope(text), undefined));
  }

  test("returns its input unchanged, or nothing", async (t) => {
    const text = fc.oneof(
      fc.string(),
      fc.string().map((resource) => `${resource}/.default`),
    );
    const property = fc.property(text, (value) => {
      const parsed = parseScope(value);
      if (parsed !== undefined) assert.equal(`${resourceOf(parsed)}/.default`, value);
    });
    await holds(t, property, 1000);
  });
});

/** Names that Entra knows Microsoft Graph and Azure AD Graph by (their servicePrincipalNames), and ways to write them. */
const graphResources = [
  "https://graph.microsoft.com",
  "https://graph.microsoft.com/",
  "https://graph.microsoft.com//",
  "https://GRAPH.Microsoft.COM",
  "https://graph.microsoft.com:443",
  "https://graph.microsoft.com.",
  "https://graph.microsoft.com/v1.0",
  "https://canary.graph.microsoft.com",
  "https://%67raph.microsoft.com",
  "https://user@graph.microsoft.com",
  "http://graph.microsoft.com",
  "https://graph.microsoft.us",
  "https://dod-graph.microsoft.us",
  "https://microsoftgraph.chinacloudapi.cn",
  "https://graph.windows.net",
  "https://graph.microsoftazure.us",
  "https://graph.chinacloudapi.cn",
  "https://ags.windows.net",
  "https://directory.windows.net",
  "graph.microsoft.com",
  "graph.microsoft.com/",
  "graph.microsoft.com:443",
  "//graph.microsoft.com",
  "GRAPH.microsoft.com",
  "00000003-0000-0000-c000-000000000000",
  "00000003-0000-0000-C000-000000000000",
  "00000003-0000-0000-c000-000000000000/",
  "00000003-0000-0000-c000-000000000000/ags.windows.net",
  "{00000003-0000-0000-c000-000000000000}",
  "spn:00000003-0000-0000-c000-000000000000",
  "api://00000003-0000-0000-c000-000000000000",
  "00000002-0000-0000-c000-000000000000",
  "00000002-0000-0000-c000-000000000000/graph.windows.net",
];

describe("the Graph of a directory (T8)", () => {
  for (const resource of graphResources) {
    test(`is not grantable in the home tenant as ${resource}`, () => {
      const text = `${resource}/.default`;
      const parsed = parseScope(text);
      assert.ok(parsed === undefined || isDirectoryGraph(parsed));
      const policy = { ...validPolicy(), grants: [grant({ tenants: ["home"], scopes: [text] })] };
      assert.ok(Array.isArray(compilePolicy(policy, { cloud: clouds.public, homeTenantId, nowMs: 0 })));
    });
  }

  for (const resource of [
    "https://storage.azure.com",
    "https://vault.azure.net",
    "https://notgraph.microsoft.com",
    "https://graph.microsoft.com.evil.example",
    "https://management.azure.com/",
    "api://50000000-eeee-4000-8000-000000000001",
  ]) {
    test(`is not ${resource}`, () => assert.ok(!isDirectoryGraph(scope(`${resource}/.default`))));
  }
});
