/** The supported part of XML, rule by rule. Whole documents and attacks on them: federation-metadata-*.test.ts. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  attributesOf,
  childrenOf,
  DocumentRefused,
  decodeUtf8,
  descendantsOf,
  parseXml,
  readBase64,
} from "../../../../src/adapters/xml/document.ts";

/** The refusal of a text; undefined where it is read. */
function refusalOf(text: string): object | undefined {
  try {
    parseXml(text);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof DocumentRefused, String(error));
    assert.equal(`${error}`, `DocumentRefused: ${error.refusal.reason}`);
    return error.refusal;
  }
}

const root = `<a xmlns="a">`;
const inRoot = (content: string) => `${root}${content}</a>`;

describe("a text that is not well-formed is refused at the position where the error begins", () => {
  const cases: [what: string, text: string, offset: number][] = [
    ["nothing", "", 0],
    ["white space", " \n", 2],
    ["text before the root", `x${inRoot("")}`, 0],
    ["text after the root", `${inRoot("")} x`, inRoot("").length],
    ["an end tag before the root", `</a>${inRoot("")}`, 0],
    ["an end tag of another name", inRoot("</b>"), root.length],
    ["crossing tags", inRoot("<b><c></b></c>"), root.length + 6],
    ["a second root", `<a xmlns="a"/><a xmlns="a"/>`, 14],
    ["no end of the root", root, root.length],
    ["an attribute twice", inRoot(`<b c="1" c="1"/>`), root.length + 8],
    ["an attribute without quotes", inRoot("<b c=1/>"), root.length + 2],
    ["an attribute without a value", inRoot("<b c/>"), root.length + 2],
    ["an attribute with two kinds of quotes", inRoot(`<b c="1'/>`), root.length + 2],
    ["attributes without a space between", inRoot(`<b c="1"d="1"/>`), root.length + 8],
    ["a tag in an attribute", inRoot(`<b c="<d/>"/>`), root.length + 2],
    ["a name that begins with a digit", inRoot("<1/>"), root.length],
    ["a name with two colons", inRoot("<b:c:d/>"), root.length + 4],
    ["a space before a name", inRoot("< b/>"), root.length],
    ["a tag that does not end", inRoot("<b "), root.length + 2],
  ];
  for (const [what, text, offset] of cases) {
    test(what, () => assert.deepEqual(refusalOf(text), { reason: "xml_not_well_formed", offset }));
  }
});

describe("allowed syntax is read", () => {
  const cases: [what: string, text: string][] = [
    ["an empty root", `<a xmlns="a"/>`],
    ["white space around the root", ` \t\r\n${inRoot("")} \t\r\n`],
    ["white space in tags", `<a\txmlns\n=\r'a' ><b\n/></a\t>`],
    ["a declaration", `<?xml version="1.0"?>${inRoot("")}`],
    ["a declaration with single quotes", `<?xml version='1.0' encoding='Utf-8' standalone='no' ?>${inRoot("")}`],
    ["a declaration of a document that stands alone", `<?xml version="1.0" standalone="yes"?>${inRoot("")}`],
    ["the five entities", inRoot("&amp;&lt;&gt;&quot;&apos;")],
    ["references to characters", inRoot("&#65;&#x41;&#9;&#x10FFFF;&#xE000;&#xFFFD;&#x10000;")],
    ["letters of any language", inRoot("München 東京 \u{1f600}")],
    ["prefixes that are declared", `<p:a xmlns:p="p" p:b="c"><p:d/></p:a>`],
    ["names with digits, dots and hyphens", inRoot(`<b1.c-d e_f.g-2="h"/>`)],
  ];
  for (const [what, text] of cases) test(what, () => assert.equal(refusalOf(text), undefined));
});

describe("disallowed syntax is refused by its name", () => {
  const cases: [what: string, text: string, refusal: object][] = [
    ["a comment", inRoot("<!-- -->"), { reason: "xml_markup_not_allowed", markup: "comment" }],
    ["a CDATA section", inRoot("<![CDATA[]]>"), { reason: "xml_markup_not_allowed", markup: "CDATA section" }],
    ["a DTD", `<!DOCTYPE a>${inRoot("")}`, { reason: "xml_markup_not_allowed", markup: "DTD" }],
    [
      "a processing instruction",
      inRoot("<?b?>"),
      { reason: "xml_markup_not_allowed", markup: "processing instruction" },
    ],
    ...[`version="1.1"`, `version="1.0' encoding='utf-8"`, `version="1.0" encoding="utf-16"`, ""].map(
      (text): [string, string, object] => [
        `a declaration with ${text || "nothing"}`,
        `<?xml ${text}?>${inRoot("")}`,
        { reason: "xml_declaration_not_allowed" },
      ],
    ),
    [
      "the declaration of a style sheet",
      `<?xml-stylesheet href="x"?>${inRoot("")}`,
      { reason: "xml_declaration_not_allowed" },
    ],
    ["another entity", inRoot("&nbsp;"), { reason: "xml_entity_not_allowed" }],
    ["an entity without end", inRoot("&amp"), { reason: "xml_entity_not_allowed" }],
    ["the end of a CDATA section", inRoot("]]>"), { reason: "xml_not_well_formed" }],
    ...["&#0;", "&#31;", "&#x7F;", "&#xD800;", "&#xDFFF;", "&#xFFFE;", "&#xFFFF;", "&#1114112;", "&#x110000;"].map(
      (text): [string, string, object] => [
        `a reference to no character, ${text}`,
        inRoot(text),
        { reason: "xml_character_not_allowed" },
      ],
    ),
    ...["\u0000", "\u007f", "\u0085", "\u2028", "\ufffe"].map((text): [string, string, object] => [
      `the character U+${text.charCodeAt(0).toString(16)}`,
      inRoot(text),
      { reason: "xml_character_not_allowed" },
    ]),
    ["no namespace", "<a/>", { reason: "xml_namespace_not_allowed" }],
    ["a prefix that nobody declared", inRoot("<p:b/>"), { reason: "xml_namespace_not_allowed" }],
    ["an attribute with such a prefix", inRoot(`<b p:c="d"/>`), { reason: "xml_namespace_not_allowed" }],
    ...[
      `xmlns=""`,
      `xmlns:p=""`,
      `xmlns:xml="x"`,
      `xmlns:xmlns="x"`,
      `xmlnsp="x"`,
      `xmlns:p="x y"`,
      `xmlns="&#65;"`,
    ].map((text): [string, string, object] => [
      `the declaration ${text}`,
      inRoot(`<b ${text}/>`),
      { reason: "xml_namespace_not_allowed" },
    ]),
    ...[`"`, "'"].map((quote): [string, string, object] => {
      const other = quote === `"` ? "'" : `"`;
      return [
        `a namespace that holds ${quote}`,
        inRoot(`<b xmlns:p=${other}x${quote}y${other}/>`),
        { reason: "xml_namespace_not_allowed" },
      ];
    }),
  ];
  for (const [what, text, refusal] of cases) test(what, () => assert.deepEqual(refusalOf(text), refusal));
});

test("text that only the parser would refuse or read differently is refused, too", () => {
  const script = `<script xmlns="http://www.w3.org/1999/xhtml">`;
  assert.deepEqual(refusalOf(inRoot(`${script}<b/>&amp;</script>`)), { reason: "xml_not_well_formed" });
  assert.deepEqual(refusalOf(inRoot(`<b hasOwnProperty="c" d="e"/>`)), { reason: "xml_not_well_formed" });
});

test("the root has a maximum of levels, elements and attributes", () => {
  const levels = (count: number) => inRoot("<b>".repeat(count - 1) + "</b>".repeat(count - 1));
  const elements = (count: number) => inRoot("<b/>".repeat(count - 1));
  const attributes = (count: number) => inRoot(`<b${Array.from({ length: count }, (_, i) => ` c${i}=""`).join("")}/>`);
  const most = [levels(12), elements(1024), attributes(12)];
  assert.deepEqual(most.map(refusalOf), [undefined, undefined, undefined]);
  assert.deepEqual(
    [levels(13), elements(1025), attributes(13)].map(refusalOf),
    ["depth", "elements", "attributes of an element"].map((limit) => ({ reason: "xml_too_complex", limit })),
  );
});

test("elements are in document order, with attributes except namespace declarations", () => {
  const element = parseXml(`<a xmlns="a" b="1" xmlns:p="p" p:c="2"> <d><e/></d>text<f/></a>`);
  assert.deepEqual(
    descendantsOf(element).map(({ localName }) => localName),
    ["a", "d", "e", "f"],
  );
  assert.deepEqual(
    childrenOf(element).map(({ localName }) => localName),
    ["d", "f"],
  );
  assert.deepEqual(
    attributesOf(element).map(({ name, value }) => [name, value]),
    [
      ["b", "1"],
      ["p:c", "2"],
    ],
  );
});

test("bytes are UTF-8, with a byte order mark or without", () => {
  assert.equal(decodeUtf8(Buffer.from("\ufeffü")), "ü");
  assert.equal(decodeUtf8(Buffer.from("ü")), "ü");
  assert.throws(() => decodeUtf8(Buffer.from([0xfc])), { refusal: { reason: "document_not_utf8" } });
});

describe("base64", () => {
  test("is read with white space anywhere", () => {
    assert.deepEqual(readBase64(" AQ\tI\r\nD "), Buffer.from([1, 2, 3]));
    assert.deepEqual(readBase64("+/8="), Buffer.from([0xfb, 0xff]));
    assert.deepEqual(readBase64("AQ=="), Buffer.from([1]));
  });
  for (const text of ["", " ", "A", "AQI", "AQ=", "AQ==A", "AR==", "-_8=", "AQ.D", "AQ\u00a0ID"]) {
    test(`is not ${JSON.stringify(text)}`, () => assert.equal(readBase64(text), undefined));
  }
});
