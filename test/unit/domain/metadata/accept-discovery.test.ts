import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { acceptDiscovery } from "../../../../src/domain/metadata/accept-discovery.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { contosoId as tenant } from "../../../support/fixtures/ids.ts";

const cloud = clouds.public;
const source = { tenant };
const encode = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

describe("a discovery document", () => {
  const base = `https://${cloud.authorityHost}/${tenant}`;
  const document = {
    issuer: `${base}/v2.0`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
    token_endpoint: `${base}/oauth2/v2.0/token`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
  };
  const cases: [what: string, change: object, reason: string | undefined][] = [
    ["as it should be", {}, undefined],
    ["with more members than we know", { tenant_region_scope: "EU" }, undefined],
    [
      "of another tenant",
      { issuer: `https://${cloud.authorityHost}/10000000-0000-4000-8000-000000000001/v2.0` },
      "discovery_issuer_mismatch",
    ],
    [
      "of no particular tenant",
      { issuer: `https://${cloud.authorityHost}/{tenantid}/v2.0` },
      "discovery_issuer_mismatch",
    ],
    ["with the issuer of v1 tokens", { issuer: `https://sts.windows.net/${tenant}/` }, "discovery_issuer_mismatch"],
    ["with keys elsewhere", { jwks_uri: "https://keys.example/keys" }, "discovery_endpoint_elsewhere"],
    [
      "with keys on plain http",
      { jwks_uri: document.jwks_uri.replace("https", "http") },
      "discovery_endpoint_elsewhere",
    ],
    [
      "with keys on another port",
      { jwks_uri: document.jwks_uri.replace(".com/", ".com:444/") },
      "discovery_endpoint_elsewhere",
    ],
    [
      "with a token endpoint elsewhere",
      { token_endpoint: "https://login.microsoftonline.com.evil.example/" },
      "discovery_endpoint_elsewhere",
    ],
    ["without an authorization endpoint", { authorization_endpoint: undefined }, "discovery_endpoint_elsewhere"],
    ["with keys at what is no URL", { jwks_uri: "keys" }, "discovery_endpoint_elsewhere"],
    ["with a list of places for keys", { jwks_uri: [document.jwks_uri] }, "discovery_endpoint_elsewhere"],
  ];
  for (const [what, change, reason] of cases) {
    test(`${what} is ${reason === undefined ? "accepted" : "refused"}`, () => {
      const result = acceptDiscovery(encode({ ...document, ...change }), source, cloud);
      assert.equal(result.ok ? undefined : result.refusal.reason, reason);
    });
  }

  test("with an endpoint elsewhere is refused with that endpoint's name", () => {
    for (const member of ["jwks_uri", "token_endpoint", "authorization_endpoint"]) {
      const result = acceptDiscovery(encode({ ...document, [member]: "https://elsewhere.example/" }), source, cloud);
      assert.deepEqual(result, { ok: false, refusal: { reason: "discovery_endpoint_elsewhere", member } });
    }
  });

  test("that is not UTF-8, not JSON or not an object is refused", () => {
    const notUtf8 = Buffer.from(JSON.stringify({ ...document, note: "\u00fc" }), "latin1");
    for (const body of [
      new Uint8Array([0xff, 0xfe]),
      notUtf8,
      encode("{"),
      encode("[]"),
      encode("null"),
      encode('"text"'),
    ]) {
      const result = acceptDiscovery(body, source, cloud);
      assert.equal(result.ok ? "accepted" : result.refusal.reason, "discovery_not_readable");
    }
  });
});
