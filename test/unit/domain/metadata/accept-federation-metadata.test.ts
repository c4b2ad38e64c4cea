import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  acceptFederationMetadata,
  type ExpectedFederation,
  expectedEntityId,
} from "../../../../src/domain/metadata/accept-federation-metadata.ts";
import type { FederationMetadata, MetadataCertificate } from "../../../../src/domain/metadata/federation-metadata.ts";
import type { MetadataRefusal } from "../../../../src/domain/metadata/refusal.ts";
import { type Cloud, clouds } from "../../../../src/domain/shared/cloud.ts";
import { contosoId, fabrikamId } from "../../../support/fixtures/ids.ts";

const current = certificate("current");
const next = certificate("next");
const binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const contoso: ExpectedFederation = { cloud: clouds.public, tenant: contosoId };

function certificate(thumbprint: string, changes: Partial<MetadataCertificate> = {}): MetadataCertificate {
  return { thumbprint, der: thumbprint, modulusBits: 2048, notAfterMs: Date.UTC(2020, 0), ...changes };
}

/** Of the tenant, with everything as it should be. Its certificates have expired, which is no reason to refuse it. */
function valid(expected: ExpectedFederation = contoso, host = expected.cloud.authorityHost): FederationMetadata {
  const base = `https://${host}/${expected.tenant}`;
  return {
    entityId: expectedEntityId(expected),
    signedBy: current.thumbprint,
    idpCertificates: [current, next],
    stsCertificates: [next, current],
    singleSignOnServices: [
      { binding, location: `${base}/saml2` },
      { binding: binding.replace("Redirect", "POST"), location: `${base}/saml2` },
    ],
    singleLogoutServices: [{ binding, location: `${base}/saml2` }],
    otherEndpoints: [`${base}/wsfed`, `${base}/saml2`],
  };
}

describe("federation metadata is accepted", () => {
  const tenants: [name: string, cloud: Cloud, tenant: ExpectedFederation["tenant"], entityId: string][] = [
    ["of a tenant", clouds.public, contosoId, `https://sts.windows.net/${contosoId}/`],
    ["of a tenant of the US Government", clouds.usgovernment, contosoId, `https://sts.windows.net/${contosoId}/`],
    ["of a tenant in China", clouds.china, contosoId, `https://sts.chinacloudapi.cn/${contosoId}/`],
    ["of all tenants, with the literal placeholder", clouds.public, "common", "https://sts.windows.net/{tenantid}/"],
    ["of all tenants in China", clouds.china, "organizations", "https://sts.chinacloudapi.cn/{tenantid}/"],
  ];
  for (const [name, cloud, tenant, entityId] of tenants) {
    test(`${name}, and returned unchanged`, () => {
      const metadata = { ...valid({ cloud, tenant }), entityId };
      assert.deepEqual(acceptFederationMetadata(metadata, { cloud, tenant }), { ok: true, value: metadata });
    });
  }

  const variants: [name: string, metadata: FederationMetadata, expected?: ExpectedFederation][] = [
    ["with one certificate", { ...valid(), idpCertificates: [current], stsCertificates: [current] }],
    ["with a certificate listed twice", { ...valid(), stsCertificates: [current, next, current] }],
    ["signed by the key that is not used yet", { ...valid(), signedBy: next.thumbprint }],
    ["without single logout and WS-Federation", { ...valid(), singleLogoutServices: [], otherEndpoints: [] }],
    [
      "with the older host of China",
      valid({ cloud: clouds.china, tenant: contosoId }, "login.chinacloudapi.cn"),
      { cloud: clouds.china, tenant: contosoId },
    ],
  ];
  for (const [name, metadata, expected = contoso] of variants) {
    test(name, () => assert.ok(acceptFederationMetadata(metadata, expected).ok));
  }
});

describe("federation metadata is refused", () => {
  const entityId = expectedEntityId(contoso);
  const entityIds = [
    expectedEntityId({ ...contoso, tenant: fabrikamId }),
    expectedEntityId({ ...contoso, tenant: "common" }),
    expectedEntityId({ ...contoso, cloud: clouds.china }),
    entityId.slice(0, -1),
    entityId.toUpperCase(),
    ` ${entityId}`,
    entityId.replace("https", "http"),
    entityId.replace("sts.", "evil.sts."),
    "",
  ];
  for (const other of entityIds) {
    test(`for the entityID ${JSON.stringify(other)}`, () => {
      const refusal = { reason: "entity_id_not_expected", expected: entityId };
      assert.deepEqual(acceptFederationMetadata({ ...valid(), entityId: other }, contoso), { ok: false, refusal });
    });
  }

  test("for a tenant's entityID where all tenants' is expected", () => {
    const expected: ExpectedFederation = { cloud: clouds.public, tenant: "common" };
    const result = acceptFederationMetadata({ ...valid(expected), entityId }, expected);
    assert.equal(result.ok ? "accepted" : result.refusal.reason, "entity_id_not_expected");
  });

  const short = certificate("short", { modulusBits: 2047 });
  const keys: [name: string, changes: Partial<FederationMetadata>, refusal: MetadataRefusal][] = [
    [
      "without a certificate for SAML",
      { idpCertificates: [] },
      { reason: "signing_certificate_missing", descriptor: "IDPSSODescriptor" },
    ],
    [
      "without a certificate for WS-Federation",
      { stsCertificates: [] },
      { reason: "signing_certificate_missing", descriptor: "SecurityTokenService RoleDescriptor" },
    ],
    ["with a certificate for SAML only", { stsCertificates: [current] }, { reason: "signing_certificates_differ" }],
    [
      "with a certificate for WS-Federation only",
      { idpCertificates: [current] },
      { reason: "signing_certificates_differ" },
    ],
    [
      "with different certificates",
      { stsCertificates: [current, certificate("other")] },
      { reason: "signing_certificates_differ" },
    ],
    [
      "with a short key for SAML",
      { idpCertificates: [current, short] },
      { reason: "certificate_key_too_short", modulusBits: 2047 },
    ],
    [
      "with two short keys, of which the first is named",
      { idpCertificates: [current, short, certificate("shorter", { modulusBits: 1024 })] },
      { reason: "certificate_key_too_short", modulusBits: 2047 },
    ],
    [
      "with a short key for WS-Federation",
      { stsCertificates: [short, current] },
      { reason: "certificate_key_too_short", modulusBits: 2047 },
    ],
    ["signed by a key that it does not list", { signedBy: "x" }, { reason: "signer_not_listed", thumbprint: "x" }],
    [
      "without a place to sign on",
      { singleSignOnServices: [] },
      { reason: "endpoint_missing", endpoint: "SingleSignOnService" },
    ],
  ];
  for (const [name, changes, refusal] of keys) {
    test(name, () => {
      assert.deepEqual(acceptFederationMetadata({ ...valid(), ...changes }, contoso), { ok: false, refusal });
    });
  }

  const saml = `https://login.microsoftonline.com/${contosoId}/saml2`;
  const urls = [
    saml.replace("https", "http"),
    saml.replace(contosoId, fabrikamId),
    saml.replace(contosoId, "common"),
    saml.replace("login.microsoftonline.com", "login.microsoftonline.us"),
    saml.replace("login.microsoftonline.com", "login.microsoftonline.com.evil.example"),
    saml.replace("login.microsoftonline.com", "login.microsoftonline.com@evil.example"),
    saml.replace("login.microsoftonline.com", "login.microsoftonline.com:8443"),
    saml.replace("login.microsoftonline.com", "sts.windows.net"),
    saml.replace("saml2", "oauth2"),
    saml.replace("saml2", "SAML2"),
    `${saml}/`,
    `${saml}/..`,
    `${saml}?x`,
    `${saml}#x`,
    ` ${saml}`,
    "/saml2",
    "javascript:alert(1)",
    "",
  ];
  for (const url of urls) {
    test(`for the endpoint ${JSON.stringify(url)}, wherever it is`, () => {
      const metadata = valid();
      const places: [endpoint: string, changes: Partial<FederationMetadata>][] = [
        [
          "SingleSignOnService",
          { singleSignOnServices: [...metadata.singleSignOnServices, { binding, location: url }] },
        ],
        [
          "SingleLogoutService",
          { singleLogoutServices: [...metadata.singleLogoutServices, { binding, location: url }] },
        ],
        ["other", { otherEndpoints: [...metadata.otherEndpoints, url] }],
      ];
      for (const [endpoint, changes] of places) {
        const index = endpoint === "SingleLogoutService" ? 1 : 2;
        const refusal = { reason: "endpoint_not_expected", endpoint, index };
        assert.deepEqual(acceptFederationMetadata({ ...metadata, ...changes }, contoso), { ok: false, refusal });
      }
    });
  }

  test("for sign-on at the endpoint of WS-Federation", () => {
    const singleSignOnServices = [{ binding, location: saml.replace("saml2", "wsfed") }];
    const refusal = { reason: "endpoint_not_expected", endpoint: "SingleSignOnService", index: 0 };
    assert.deepEqual(acceptFederationMetadata({ ...valid(), singleSignOnServices }, contoso), { ok: false, refusal });
  });
});
