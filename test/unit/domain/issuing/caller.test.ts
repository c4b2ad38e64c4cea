/** The claims of a caller's token whose signature, issuer, audience and times are already verified. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { validateCallerClaims } from "../../../../src/domain/issuing/caller.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { holds } from "../../../support/fixtures/property.ts";

const expected = { homeTenantId: ids.homeTenantId, role: "Tokens.Issue" };
const valid = {
  ver: "2.0",
  tid: ids.homeTenantId,
  oid: ids.billingObjectId,
  sub: ids.billingObjectId,
  azp: ids.billingAzp,
  roles: ["Other", "Tokens.Issue"],
};
const userSub = "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ";

const cases: [name: string, change: Record<string, unknown>, because: RegExp | undefined][] = [
  ["accepts an app-only token without idtyp, whose sub is its oid", {}, undefined],
  ["accepts an app-only token with idtyp", { idtyp: "app", sub: userSub }, undefined],
  ["accepts a token without azp", { azp: undefined }, undefined],
  ["refuses a v1 token", { ver: "1.0" }, /^ver/],
  ["refuses a token without ver", { ver: undefined }, /^ver/],
  ["refuses another tenant", { tid: ids.contosoId }, /^tid/],
  ["refuses a token without tid", { tid: undefined }, /^tid/],
  ["refuses a tid that is a list", { tid: [ids.homeTenantId] }, /^tid/],
  ["refuses a token without oid", { oid: undefined }, /^oid/],
  ["refuses an oid that is no GUID", { oid: "billing" }, /^oid/],
  ["refuses an azp that is no GUID", { azp: "x" }, /^azp/],
  ["refuses a user's access token", { scp: "user_impersonation" }, /^scp/],
  ["refuses a user's access token with roles and idtyp of an app", { scp: "x", idtyp: "app" }, /^scp/],
  ["refuses an empty scp", { scp: "" }, /^scp/],
  ["refuses a user's ID token, which has our audience and no scp", { sub: userSub, azp: undefined }, /token of a user/],
  ["refuses idtyp user", { idtyp: "user" }, /token of a user/],
  ["refuses idtyp device", { idtyp: "device" }, /token of a user/],
  ["refuses an idtyp that is a list", { idtyp: ["app"] }, /token of a user/],
  ["refuses a token without sub and idtyp", { sub: undefined }, /token of a user/],
  ["refuses a token without roles", { roles: undefined }, /role/],
  ["refuses a token with other roles", { roles: ["Tokens.Read"] }, /role/],
  ["refuses a role in other case", { roles: ["tokens.issue"] }, /role/],
  ["refuses a role that only contains ours", { roles: ["Tokens.Issue.All"] }, /role/],
  ["refuses roles that are a text", { roles: "Tokens.Issue" }, /role/],
];

describe("validateCallerClaims", () => {
  for (const [name, change, because] of cases) {
    test(name, () => {
      const result = validateCallerClaims({ ...valid, ...change }, expected);
      if (because === undefined) assert.ok(result.ok, JSON.stringify(result));
      else assert.ok(!result.ok && because.test(result.refusal.because), JSON.stringify(result));
    });
  }

  test("returns tenant, object id and azp in canonical form", () => {
    const claims = {
      ...valid,
      tid: valid.tid.toUpperCase(),
      oid: valid.oid.toUpperCase(),
      azp: valid.azp.toUpperCase(),
    };
    assert.deepEqual(validateCallerClaims(claims, expected), {
      ok: true,
      value: { tenantId: ids.homeTenantId, objectId: ids.billingObjectId, azp: ids.billingAzp },
    });
  });

  test("never throws, and never repeats a claim in its reason", async (t) => {
    const canary = "CANARY";
    const claim = fc.oneof(
      fc.jsonValue(),
      fc.string().map((text) => canary + text),
    );
    const claims = fc.dictionary(fc.constantFrom("ver", "tid", "oid", "sub", "azp", "scp", "idtyp", "roles"), claim);
    const property = fc.property(claims, (changes) => {
      const result = validateCallerClaims({ ...valid, ...changes }, expected);
      if (!result.ok) assert.ok(!result.refusal.because.includes(canary));
    });
    await holds(t, property, 1000);
  });
});
