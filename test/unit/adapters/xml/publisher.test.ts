/** `idp.xml` is signed as SAML relying parties require. The signer returns a signature or a reason. */
import assert from "node:assert/strict";
import { createPublicKey, sign, verify } from "node:crypto";
import { describe, test } from "node:test";
import { signXml } from "../../../../src/adapters/xml/publisher.ts";
import { registered } from "../../../support/fixtures/certificates.ts";
import { entra } from "../../../support/fixtures/federation-metadata.ts";
import { enveloped, exclusive, rsaSha256, sha256 } from "../../../support/fixtures/federation-metadata-signing.ts";

const unsigned = `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" ID="_1"><Extensions/></EntityDescriptor>`;
const signedBy = async (bytes: Uint8Array) => sign("sha256", bytes, registered.privateKey);

describe("a signed document", () => {
  test("has its signature as the first child of the root, over the root, with the algorithms that SAML supports", async () => {
    const signed = await signXml(unsigned, entra.certificate, signedBy);
    const shape = signed
      .replace(/<DigestValue>[A-Za-z0-9+/]{43}=</, "<DigestValue><")
      .replace(/<SignatureValue>[A-Za-z0-9+/]{342}==</, "<SignatureValue><")
      .replace(entra.certificate, "our certificate");
    assert.equal(
      shape,
      [
        `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" ID="_1">`,
        `<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>`,
        `<CanonicalizationMethod Algorithm="${exclusive}"/><SignatureMethod Algorithm="${rsaSha256}"/>`,
        `<Reference URI="#_1"><Transforms>`,
        `<Transform Algorithm="${enveloped}"/><Transform Algorithm="${exclusive}"/>`,
        `</Transforms><DigestMethod Algorithm="${sha256}"/><DigestValue></DigestValue></Reference></SignedInfo>`,
        `<SignatureValue></SignatureValue>`,
        `<KeyInfo><X509Data><X509Certificate>our certificate</X509Certificate></X509Data></KeyInfo></Signature>`,
        `<Extensions/></EntityDescriptor>`,
      ].join(""),
    );
  });

  test("has the signature over exactly the bytes that were passed to the signer", async () => {
    const given: Uint8Array[] = [];
    const signed = await signXml(unsigned, entra.certificate, (bytes) => {
      given.push(bytes);
      return signedBy(bytes);
    });
    const [, value = ""] = /<SignatureValue>(.*)<\/SignatureValue>/.exec(signed) ?? [];
    const [bytes] = given;
    assert.ok(bytes && given.length === 1);
    assert.match(Buffer.from(bytes).toString(), /^<SignedInfo .*<\/SignedInfo>$/);
    assert.ok(verify("sha256", bytes, createPublicKey(registered.privateKey), Buffer.from(value, "base64")));
  });
});

describe("there is no document if nothing was signed", () => {
  const vaultFault = new TypeError("the vault is down");
  const cases: [what: string, thrown: unknown, expected: Error][] = [
    ["a fault of the vault stays what it is", vaultFault, vaultFault],
    ["what is thrown and is no error becomes one, without its text", "secret", new Error("the signature failed")],
  ];
  for (const [what, thrown, expected] of cases) {
    test(what, async () => {
      const failing = () => Promise.reject(thrown);
      await assert.rejects(signXml(unsigned, entra.certificate, failing), expected);
    });
  }
});
