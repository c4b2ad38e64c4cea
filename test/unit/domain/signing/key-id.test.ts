/**
 * Our token for the vault is sent to the host of a key's URL, so the URL must name a vault of the cloud and a key
 * version.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { parseKeyId, parseSigningCertificate } from "../../../../src/domain/signing/certificate.ts";
import { registered } from "../../../support/fixtures/certificates.ts";

const version = "0123456789abcdef0123456789abcdef";
const parse = (keyId: string) => parseKeyId(keyId, clouds.public);

describe("the URL of a key", () => {
  test("contains key and version, with a vault's name of 3 characters too", () => {
    assert.deepEqual(parse(`https://abc.vault.azure.net/keys/client-assertion/${version}`), {
      keyName: "client-assertion",
      keyVersion: version,
    });
  });

  for (const keyId of [
    `https://contoso.vault.azure.net/elsewhere/keys/client/${version}`,
    `https://contoso.vault.azure.net/keys/client/${version}/more`,
    `https://contoso.sub.vault.azure.net/keys/client/${version}`,
    `https://co.vault.azure.net/keys/client/${version}`,
    `https://contoso.vault.azure.cn/keys/client/${version}`,
    "https://contoso.vault.azure.net/keys/client",
  ]) {
    test(`is refused as ${keyId}`, () => assert.equal(parse(keyId), undefined));
  }

  test("that is invalid is the only problem if the certificate is valid", () => {
    const problems = parseSigningCertificate("https://contoso.example/keys/client", registered.pem, clouds.public);
    assert.ok(Array.isArray(problems));
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", /^keyId must be a versioned key URL/);
  });
});
