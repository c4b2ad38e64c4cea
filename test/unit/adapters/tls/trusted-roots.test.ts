import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import { parseTrustedRoots, TrustedRootsError, vendoredRoots } from "../../../../src/adapters/tls/trusted-roots.ts";
import { vendoredRootList } from "../../../../src/adapters/tls/vendored-roots.ts";
import { type Identity, make, makeIntermediate, makeLeaf, makeRoot } from "../../../support/fixtures/tls-pki.ts";

const nowMs = Date.now();
const dayMs = 86_400_000;
const one = await makeRoot("One");
const two = await makeRoot("Two");
const namesake = await makeRoot("One");
const intermediate = await makeIntermediate(one);
const leaf = await makeLeaf(one);
const selfSignedLeaf = await make({});
const expired = await makeRoot("Expired", { notAfter: -1 });
const future = await makeRoot("Future", { notBefore: 1 });
/** Has its own name as the issuer's, but was signed by another key. */
const pretender = await makeIntermediate(namesake, { name: "One" });

function pemOf(der: Uint8Array, label = "CERTIFICATE"): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64")}\n-----END ${label}-----\n`;
}

const der = (identity: Identity) => Buffer.from(identity.certificate.rawData);
const fingerprints = (pems: readonly string[]) => pems.map((pem) => new X509Certificate(pem).fingerprint256);

describe("a bundle of roots is accepted", () => {
  const expected = [new X509Certificate(one.pem).fingerprint256, new X509Certificate(two.pem).fingerprint256];
  const cases: [what: string, pem: string][] = [
    ["as it is", `${one.pem}\n${two.pem}`],
    ["without a line break between", `${one.pem.trim()}${two.pem.trim()}`],
    ["with Windows line ends", `${one.pem}\n${two.pem}`.replace(/\n/g, "\r\n")],
    ["with a byte order mark", `\ufeff${one.pem}\n${two.pem}`],
    ["with unwrapped base64", pemOf(der(one)) + pemOf(der(two))],
  ];
  for (const [what, pem] of cases) {
    test(what, () => assert.deepEqual(fingerprints(parseTrustedRoots(pem, nowMs)), expected));
  }

  test("one certificate per entry, in a form that can be parsed again", () => {
    const roots = parseTrustedRoots(`${one.pem}\n${two.pem}`, nowMs);
    assert.deepEqual(parseTrustedRoots(roots.join("\n"), nowMs), roots);
  });

  test("with two roots of the same name, as when an authority renews its key", () => {
    assert.equal(parseTrustedRoots(`${one.pem}\n${namesake.pem}`, nowMs).length, 2);
  });
});

describe("a bundle is refused as a whole, with block and rule", () => {
  const cases: [what: string, pem: string, problems: string[]][] = [
    ["empty", "", ["there is no certificate"]],
    ["white space", " \r\n\t", ["there is no certificate"]],
    ["text", "garbage", ["there is text that is no certificate before block 1", "there is no certificate"]],
    ["text in front", `# roots\n${one.pem}`, ["there is text that is no certificate before block 1"]],
    ["text between", `${one.pem}\nx\n${two.pem}`, ["there is text that is no certificate after block 1"]],
    ["text behind", `${one.pem}\nx`, ["there is text that is no certificate after block 1"]],
    [
      "DER",
      der(one).toString("latin1"),
      ["there is text that is no certificate before block 1", "there is no certificate"],
    ],
    [
      "a broken block in front of a good one",
      `${pemOf(Buffer.from("garbage"))}${one.pem}`,
      ["block 1 cannot be read as a certificate"],
    ],
    [
      "an empty block",
      `-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n${one.pem}`,
      ["block 1 cannot be read as a certificate"],
    ],
    [
      "a cut certificate",
      `${one.pem}\n${pemOf(der(two).subarray(0, -9))}`,
      ["block 2 cannot be read as a certificate"],
    ],
    [
      "bytes behind the certificate",
      pemOf(Buffer.concat([der(one), der(two)])),
      ["block 1 holds more than a certificate"],
    ],
    [
      "what is not base64 within",
      one.pem.replace("CERTIFICATE-----\n", "CERTIFICATE-----\n!!"),
      ["block 1 holds more than a certificate"],
    ],
    [
      "a block without end",
      `${one.pem}\n${two.pem.replace(/-----END.*/, "")}`,
      ["block 2 does not begin and end properly"],
    ],
    ["an end without begin", `${one.pem}\n-----END CERTIFICATE-----`, ["block 2 does not begin and end properly"]],
    [
      "an end of another kind",
      one.pem.replace("END CERTIFICATE", "END TRUSTED CERTIFICATE"),
      ["block 1 does not begin and end properly", "there is no certificate"],
    ],
    [
      "an end of another kind, with text behind",
      `${one.pem}\n${two.pem.replace("END CERTIFICATE", "END TRUSTED CERTIFICATE")}x`,
      ["block 2 does not begin and end properly", "there is text that is no certificate after block 1"],
    ],
    [
      "a block that begins anew in its middle",
      `${one.pem}\n${two.pem.replace(/\n-----END.*/, "")}\n${two.pem}`,
      ["block 2 does not begin and end properly"],
    ],
    ["a block within a block", `-----BEGIN CERTIFICATE-----\n${one.pem}`, ["block 1 does not begin and end properly"]],
    [
      "a private key",
      `${one.pem}\n${one.privateKeyPem}`,
      ["block 2 is a private key: a secret that does not belong here"],
    ],
    [
      "an RSA private key",
      `${one.pem}\n${pemOf(der(one), "RSA PRIVATE KEY")}`,
      ["block 2 is a private key: a secret that does not belong here"],
    ],
    ["a public key", pemOf(Buffer.from("x"), "PUBLIC KEY"), ["block 1 is not a certificate"]],
    ["OpenSSL's trusted certificate", pemOf(der(one), "TRUSTED CERTIFICATE"), ["block 1 is not a certificate"]],
    ["an intermediate", intermediate.pem, ["block 1 is not a root: it is not signed by itself"]],
    ["a root's name under another's signature", pretender.pem, ["block 1 is not a root: it is not signed by itself"]],
    [
      "a server's certificate",
      leaf.pem,
      ["block 1 is not the certificate of an authority (CA)", "block 1 is not a root: it is not signed by itself"],
    ],
    [
      "a server's certificate that signed itself",
      selfSignedLeaf.pem,
      ["block 1 is not the certificate of an authority (CA)", "block 1 is not a root: it is not signed by itself"],
    ],
    ["an expired root", expired.pem, ["block 1 has expired"]],
    ["a root of tomorrow", future.pem, ["block 1 is not valid yet"]],
    ["a root twice", `${one.pem}\n${two.pem}\n${one.pem}`, ["block 3 is the same certificate as block 1"]],
    [
      "everything at once: all problems are told",
      [one.pem, leaf.pem, one.privateKeyPem, expired.pem, one.pem].join("\n"),
      [
        "block 2 is not the certificate of an authority (CA)",
        "block 2 is not a root: it is not signed by itself",
        "block 3 is a private key: a secret that does not belong here",
        "block 4 has expired",
        "block 5 is the same certificate as block 1",
      ],
    ],
  ];
  for (const [what, pem, problems] of cases) {
    test(what, () => {
      assert.throws(
        () => parseTrustedRoots(pem, nowMs),
        (error) => {
          assert.ok(error instanceof TrustedRootsError);
          assert.deepEqual(error.problems, problems);
          for (const problem of problems) assert.ok(error.message.includes(problem));
          return true;
        },
      );
    });
  }

  test("and the error has a line for each problem", () => {
    const message =
      "the trusted roots are not usable:\n  - block 1 has expired\n  - block 2 is the same certificate as block 1\n  - block 2 has expired";
    assert.throws(
      () => parseTrustedRoots(expired.pem + expired.pem, nowMs),
      (error: Error) => {
        assert.deepEqual(error.message.split("\n").toSorted(), message.split("\n").toSorted());
        return true;
      },
    );
  });

  test("and no error contains a part of it", () => {
    const bundle = [leaf.pem, one.privateKeyPem, "SECRET", pemOf(Buffer.from("SECRET"))].join("\n");
    assert.throws(
      () => parseTrustedRoots(bundle, nowMs),
      (error: Error) => {
        const pieces = bundle.split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
        assert.ok(pieces.length > 5);
        return pieces.every((piece) => !`${error.stack}`.includes(piece));
      },
    );
  });

  test("from the moment one of its certificates expires", () => {
    const endMs = new X509Certificate(one.pem).validToDate.getTime();
    assert.equal(parseTrustedRoots(one.pem, endMs - 1).length, 1);
    assert.throws(() => parseTrustedRoots(one.pem, endMs), /block 1 has expired/);
  });

  test("until the moment from which one of its certificates is valid", () => {
    const startMs = new X509Certificate(one.pem).validFromDate.getTime();
    assert.equal(parseTrustedRoots(one.pem, startMs).length, 1);
    assert.throws(() => parseTrustedRoots(one.pem, startMs - 1), {
      name: "TrustedRootsError",
      message: /not valid yet/,
    });
  });

  test("in time linear in its length", () => {
    const startedMs = performance.now();
    assert.throws(() => parseTrustedRoots("-----BEGIN CERTIFICATE-----\n".repeat(20_000), nowMs), TrustedRootsError);
    assert.ok(performance.now() - startedMs < 2_000);
  });
});

describe("the vendored roots", () => {
  /** Subject and SHA-1 as Microsoft publishes them ("Azure Certificate Authority details"). */
  const published = {
    "DigiCert Global Root CA": "A8985D3A65E5E5C4B2D7D66D40C6DD2FB19C5436",
    "DigiCert Global Root G2": "DF3C24F9BFD666761B268073FE06D1CC8D4F82A4",
    "DigiCert Global Root G3": "7E04DE896A3E666D00E687D33FFAD93BE83D349E",
    "DigiCert TLS ECC P384 Root G5": "17F3DE5E9F0F19E98EF61F32266E20C407AE30EE",
    "DigiCert TLS RSA4096 Root G5": "A78849DC5D7C758C8CDE399856B3AAD0B2A57135",
    "Microsoft ECC Root Certificate Authority 2017": "999A64C37FF47D9FAB95F14769891460EEC4C3C5",
    "Microsoft RSA Root Certificate Authority 2017": "73A5E64A3BFF8316FF0EDCCC618A906E4EAE4D74",
  };

  test("are the seven that Microsoft publishes, and no others", () => {
    const certificates = vendoredRootList.map(({ pem }) => new X509Certificate(pem));
    assert.deepEqual(
      Object.fromEntries(
        certificates.map(({ subject, fingerprint }) => [
          /CN=(.*)$/.exec(subject)?.[1],
          fingerprint.replaceAll(":", ""),
        ]),
      ),
      published,
    );
    assert.equal(vendoredRootList.length, 7);
  });

  for (const root of vendoredRootList) {
    test(`${root.commonName} matches what is documented beside it`, () => {
      const { subject, fingerprint, fingerprint256 } = new X509Certificate(root.pem);
      assert.ok(subject.endsWith(`CN=${root.commonName}`));
      assert.equal(fingerprint.replaceAll(":", ""), root.sha1);
      assert.equal(fingerprint256.replaceAll(":", ""), root.sha256);
    });
  }

  test("comply with the rules of a bundle", () => {
    assert.equal(vendoredRoots(nowMs).length, 7);
  });

  test("are refused if one does not match its fingerprint", () => {
    const [first, second, ...rest] = vendoredRootList;
    assert.ok(first && second);
    const swapped = [{ ...first, pem: second.pem }, second, ...rest];
    assert.throws(() => vendoredRoots(nowMs, swapped), /DigiCert Global Root CA is not the certificate/);
    assert.throws(() => vendoredRoots(nowMs, [{ ...first, pem: "garbage" }]), /is not the certificate/);
  });

  test("are refused if there is none", () => {
    assert.throws(() => vendoredRoots(nowMs, []), /there is no certificate/);
  });

  test("are used without an expired one, and are refused when all have expired", () => {
    const roots = vendoredRoots(Date.UTC(2031, 10, 11));
    assert.equal(roots.length, 6);
    assert.ok(roots.every((pem) => !new X509Certificate(pem).subject.endsWith("CN=DigiCert Global Root CA")));
    const endMs = new X509Certificate(vendoredRootList[0]?.pem ?? "").validToDate.getTime();
    assert.deepEqual([vendoredRoots(endMs - 1).length, vendoredRoots(endMs).length], [7, 6]);
    assert.throws(() => vendoredRoots(nowMs + 30 * 365 * dayMs), /there is no certificate/);
  });
});
