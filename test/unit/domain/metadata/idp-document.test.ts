import assert from "node:assert/strict";
import { test } from "node:test";
import { buildIdpDocument } from "../../../../src/domain/metadata/idp-document.ts";

const certificate = (der: string) => ({ thumbprint: "x", der, modulusBits: 2048, notAfterMs: 0 });
const key = (der: string) =>
  `<KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${der}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>`;

test("idp.xml contains each key once, and the endpoints in the order of the schema", () => {
  const metadata = {
    entityId: "https://sts.windows.net/x/",
    idpCertificates: [certificate("AA"), certificate("BB"), certificate("AA")],
    singleSignOnServices: [
      { binding: "redirect", location: "https://login/saml2" },
      { binding: "post", location: "https://login/saml2" },
    ],
    singleLogoutServices: [{ binding: "redirect", location: "https://login/out" }],
  };
  assert.equal(
    buildIdpDocument(metadata, { id: "_1", validUntilMs: Date.UTC(2026, 5, 8, 12) }),
    [
      '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"',
      ' ID="_1" entityID="https://sts.windows.net/x/" validUntil="2026-06-08T12:00:00.000Z" cacheDuration="PT1H">',
      '<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">',
      ...[key("AA"), key("BB")],
      '<SingleLogoutService Binding="redirect" Location="https://login/out"/>',
      '<SingleSignOnService Binding="redirect" Location="https://login/saml2"/>',
      '<SingleSignOnService Binding="post" Location="https://login/saml2"/>',
      "</IDPSSODescriptor></EntityDescriptor>",
    ].join(""),
  );
});

test("no text of the metadata can end an attribute or begin an element", () => {
  const evil = `"'><evil a="&`;
  const text = buildIdpDocument(
    {
      entityId: evil,
      idpCertificates: [certificate(evil)],
      singleSignOnServices: [{ binding: evil, location: evil }],
      singleLogoutServices: [],
    },
    { id: evil, validUntilMs: 0 },
  );
  assert.equal(text.split("&#34;&#39;&#62;&#60;evil a=&#34;&#38;").length - 1, 5);
  assert.ok(!text.includes("<evil"));
});
