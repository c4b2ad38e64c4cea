/** Any input is refused without an exception, or gives exactly the content of a genuine document. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { verifyFederationMetadata } from "../../../../src/adapters/xml/federation-metadata.ts";
import { exclusive, genuine } from "../../../support/fixtures/federation-metadata-signing.ts";
import { holds } from "../../../support/fixtures/property.ts";

describe("for any bytes", () => {
  const document = Buffer.from(genuine());
  const read = verifyFederationMetadata(document);
  const expected = read.ok ? read.value : assert.fail();
  const change = fc.record({ at: fc.nat(document.length - 1), byte: fc.nat(255) });

  test("a genuine document with one byte changed is refused, or its content is exactly the same", async (t) => {
    let refused = 0;
    const property = fc.property(change, ({ at, byte }) => {
      const changed = Buffer.from(document);
      changed[at] = byte;
      const result = verifyFederationMetadata(changed);
      if (result.ok) assert.deepEqual(result.value, expected);
      else refused += 1;
    });
    await holds(t, property, 1000);
    assert.ok(refused > 900, "hardly any byte is without meaning");
  });

  test("a genuine document with inserted markup is refused, or its content is exactly the same", async (t) => {
    const pieces = [
      " ",
      "\n",
      "\u2028",
      "<!-- -->",
      "<?x?>",
      "<x/>",
      "</x>",
      "&amp;",
      "&#0;",
      "&x;",
      "]]>",
      "<![CDATA[]]>",
      ` xmlns:x="y"`,
      ` xmlns="y"`,
      ` Id="${exclusive}"`,
      "\u0000",
    ];
    const property = fc.property(fc.nat(document.length), fc.constantFrom(...pieces), (at, piece) => {
      const result = verifyFederationMetadata(
        Buffer.concat([document.subarray(0, at), Buffer.from(piece), document.subarray(at)]),
      );
      if (result.ok) assert.deepEqual(result.value, expected);
    });
    await holds(t, property, 1000);
  });

  test("a truncated document is refused", async (t) => {
    const property = fc.property(fc.nat(document.length - 1), (length) => {
      assert.ok(!verifyFederationMetadata(document.subarray(0, length)).ok);
    });
    await holds(t, property, 300);
  });

  test("random bytes, texts and markup are refused and not thrown", async (t) => {
    const piece = fc.constantFrom(
      "<",
      ">",
      "/",
      "a",
      "a:b",
      ` a="b"`,
      "&",
      "&#x",
      ";",
      "<!",
      "[",
      "]]>",
      "<?",
      "'",
      `"`,
      "=",
    );
    const markup = fc.array(piece, { maxLength: 40 }).map((pieces) => Buffer.from(pieces.join("")));
    const text = fc.string({ unit: "binary", maxLength: 100 }).map((value) => Buffer.from(value));
    const property = fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), text, markup), (bytes) => {
      const result = verifyFederationMetadata(bytes);
      assert.ok(!result.ok && result.refusal.reason !== "xml_not_processable");
    });
    await holds(t, property, 3000);
  });
});
