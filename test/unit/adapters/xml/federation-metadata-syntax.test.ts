/** The attack matrix, syntax: text that two parsers could read differently, that is not XML, or that takes too long. */
import { maxMetadataBytes } from "../../../../src/adapters/xml/signed-metadata.ts";
import { entra, replaced, rootId, unsigned } from "../../../support/fixtures/federation-metadata.ts";
import {
  type Attack,
  extensions,
  inGenuine,
  inSigned,
  lastTag,
  refusesAll,
} from "../../../support/fixtures/federation-metadata-attacks.ts";
import { genuine, rootOf, sign } from "../../../support/fixtures/federation-metadata-signing.ts";

const firstCertificate = `<X509Certificate>${entra.certificate}`;
const half = entra.certificate.length / 2;
const cutCertificate = (markup: string) => entra.certificate.slice(0, half) + markup + entra.certificate.slice(half);

const dtd = (subset: string) =>
  replaced(genuine(), "<EntityDescriptor", `<!DOCTYPE EntityDescriptor ${subset}><EntityDescriptor`);

const markup: Attack[] = [
  [
    "a comment in a certificate",
    inGenuine(firstCertificate, `<X509Certificate>${cutCertificate("<!---->")}`),
    "xml_markup_not_allowed",
  ],
  ["a comment in an address", inGenuine("/wsfed</", "/<!--x-->wsfed</"), "xml_markup_not_allowed"],
  ["a comment in the entityID", inGenuine(`windows.net/`, "windows.net<!---->/"), "xml_markup_not_allowed"],
  ["a comment before the root", inGenuine("<EntityDescriptor", "<!----><EntityDescriptor"), "xml_markup_not_allowed"],
  ["a comment after the root", () => `${genuine()}<!---->`, "xml_markup_not_allowed"],
  [
    "a processing instruction in a certificate",
    inGenuine(firstCertificate, `<X509Certificate>${cutCertificate("<?x y?>")}`),
    "xml_markup_not_allowed",
  ],
  ["a processing instruction in the root", inGenuine(lastTag, `<?x y?>${lastTag}`), "xml_markup_not_allowed"],
  [
    "a style sheet",
    inGenuine("<EntityDescriptor", `<?xml-stylesheet href="//x"?><EntityDescriptor`),
    "xml_markup_not_allowed",
  ],
  [
    "a second XML declaration",
    inGenuine("<EntityDescriptor", `<?xml version="1.0"?><EntityDescriptor`),
    "xml_markup_not_allowed",
  ],
  [
    "a CDATA section in a certificate",
    inGenuine(entra.certificate, `<![CDATA[${entra.certificate}]]>`),
    "xml_markup_not_allowed",
  ],
  ["a CDATA section that never ends", inGenuine(lastTag, `<![CDATA[${lastTag}`), "xml_markup_not_allowed"],
  ["a document type", () => dtd(""), "xml_markup_not_allowed"],
  ["a document type in small letters", () => `<!doctype html>${rootOf(genuine())}`, "xml_markup_not_allowed"],
  ["an internal subset", () => dtd(`[<!ATTLIST EntityDescriptor x ID "${rootId}">]`), "xml_markup_not_allowed"],
  [
    "an external entity",
    () => replaced(dtd(`[<!ENTITY x SYSTEM "file:///etc/passwd">]`), lastTag, `<x>&x;</x>${lastTag}`),
    "xml_markup_not_allowed",
  ],
  [
    "a billion laughs",
    () => {
      const ten = (of: string) => `&${of};`.repeat(10);
      const entities = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${ten(`l${i}`)}">`).join("");
      return replaced(dtd(`[<!ENTITY l0 "lol">${entities}]`), lastTag, `<x>&l9;</x>${lastTag}`);
    },
    "xml_markup_not_allowed",
  ],
  ["an entity that nobody declared", inGenuine("/wsfed</", "/&nbsp;wsfed</"), "xml_entity_not_allowed"],
  ["a naked ampersand", inGenuine("/wsfed</", "/&wsfed</"), "xml_entity_not_allowed"],
];

/** After signing: what is signed has a line break there. */
const otherLineBreak = (character: string) => () =>
  replaced(sign(replaced(unsigned(), "nothing else", "nothing\nelse")), "nothing\nelse", `nothing${character}else`);

const encodings: Attack[] = [
  ["two byte order marks", () => `\ufeff\ufeff${rootOf(genuine())}`, "xml_not_well_formed"],
  ["UTF-16 with a byte order mark", () => Buffer.from(`\ufeff${genuine()}`, "utf16le"), "document_not_utf8"],
  ["UTF-16 without a byte order mark", () => Buffer.from(genuine(), "utf16le"), "xml_character_not_allowed"],
  ["UTF-16 by declaration", inGenuine(`encoding="utf-8"`, `encoding="utf-16"`), "xml_declaration_not_allowed"],
  ["UTF-7 by declaration", inGenuine(`encoding="utf-8"`, `encoding="utf-7"`), "xml_declaration_not_allowed"],
  ["XML 1.1", inGenuine(`version="1.0"`, `version="1.1"`), "xml_declaration_not_allowed"],
  ["a byte that is not UTF-8", () => Buffer.concat([Buffer.from(genuine()), Buffer.from([0xff])]), "document_not_utf8"],
  [
    "an overlong form of a slash",
    () => Buffer.concat([Buffer.from(genuine()), Buffer.from([0xc0, 0xaf])]),
    "document_not_utf8",
  ],
  [
    "an encoded surrogate",
    () => Buffer.concat([Buffer.from(genuine()), Buffer.from([0xed, 0xa0, 0x80])]),
    "document_not_utf8",
  ],
  ["a line separator, which xmldom takes for a line break", otherLineBreak("\u2028"), "xml_character_not_allowed"],
  ["NEL, which xmldom takes for a line break", otherLineBreak("\u0085"), "xml_character_not_allowed"],
  ["a null character", inGenuine("/wsfed<", "/wsfed\u0000<"), "xml_character_not_allowed"],
  ["a null character by reference", inGenuine("/wsfed<", "/wsfed&#0;<"), "xml_character_not_allowed"],
  ["a surrogate by reference", inGenuine("/wsfed<", "/wsfed&#xD83D;&#xDE00;<"), "xml_character_not_allowed"],
  ["a character beyond Unicode by reference", inGenuine("/wsfed<", "/wsfed&#x110000;<"), "xml_character_not_allowed"],
];

const html = "<head><title>Sign in</title></head><body><p>Sign in</p></body></html>";
const scripts = `<script xmlns="http://www.w3.org/1999/xhtml">`;

const wellFormedness: Attack[] = [
  ["nothing", () => "", "xml_not_well_formed"],
  ["white space", () => " \r\n", "xml_not_well_formed"],
  ["text", () => "Service unavailable", "xml_not_well_formed"],
  ["JSON", () => `{"error":"x"}`, "xml_not_well_formed"],
  ["the first half", () => genuine().slice(0, genuine().length / 2), "xml_not_well_formed"],
  ["all but the last character", () => genuine().slice(0, -1), "xml_not_well_formed"],
  ["all but the last tag", inGenuine(lastTag, ""), "xml_not_well_formed"],
  ["text after the root", () => `${genuine()}x`, "xml_not_well_formed"],
  ["an element after the root", () => `${genuine()}<x/>`, "xml_not_well_formed"],
  ["an end tag after the root", () => genuine() + lastTag, "xml_not_well_formed"],
  ["the document twice", () => genuine() + rootOf(genuine()), "xml_not_well_formed"],
  ["text before the root", () => `x${rootOf(genuine())}`, "xml_not_well_formed"],
  ["white space before the declaration", () => ` ${genuine()}`, "xml_markup_not_allowed"],
  ["an end tag of nothing, which xmldom ignores", inGenuine(lastTag, `</x>${lastTag}`), "xml_not_well_formed"],
  ["crossing tags, which xmldom ignores", inGenuine(lastTag, `<x><y></x></y>${lastTag}`), "xml_not_well_formed"],
  ["an attribute twice", inGenuine(" entityID=", ` entityID="x" entityID=`), "xml_not_well_formed"],
  ["an attribute without quotes", inGenuine(`use="signing"`, "use=signing"), "xml_not_well_formed"],
  ["an attribute without a value", inGenuine(`use="signing"`, "use"), "xml_not_well_formed"],
  ["attributes without a space between", inGenuine(`" entityID=`, `"entityID=`), "xml_not_well_formed"],
  ["a tag in an attribute", inGenuine("/saml2", "/<saml2/>"), "xml_not_well_formed"],
  ["the end of a CDATA section in a text", inGenuine("/wsfed<", "/wsfed]]><"), "xml_not_well_formed"],
  ["an HTML page without a namespace, which crashes Lasso", () => `<html>${html}`, "xml_namespace_not_allowed"],
  ["an XHTML page", () => `<html xmlns="http://www.w3.org/1999/xhtml">${html}`, "root_not_entity_descriptor"],
  ["an HTML5 page", () => `<!DOCTYPE html><html>${html}`, "xml_markup_not_allowed"],
  [
    "markup in an XHTML script, which xmldom takes for text",
    () => sign(unsigned({ extensions: extensions(`${scripts}<x/>&amp;</script>`) })),
    "xml_not_well_formed",
  ],
  [
    "an element without a namespace",
    inSigned("<IDPSSODescriptor", `<x xmlns:p="p"/><p:x xmlns:p="p"/><q:x/><IDPSSODescriptor`),
    "xml_namespace_not_allowed",
  ],
  ["a prefix from Object.prototype", inGenuine(lastTag, `<constructor:x/>${lastTag}`), "xml_namespace_not_allowed"],
  [
    "an attribute with a prefix from Object.prototype",
    inGenuine(lastTag, `<x toString:a="b"/>${lastTag}`),
    "xml_namespace_not_allowed",
  ],
  [
    "an attribute that breaks xmldom",
    inGenuine(lastTag, `<x hasOwnProperty="a" b="c"/>${lastTag}`),
    "xml_not_well_formed",
  ],
  [
    "another meaning of the prefix xml",
    inGenuine(lastTag, `<x xmlns:xml="x"/>${lastTag}`),
    "xml_namespace_not_allowed",
  ],
  ["a prefix taken away", inGenuine(lastTag, `<x xmlns:fed=""/>${lastTag}`), "xml_namespace_not_allowed"],
  [
    "an attribute that xml-crypto does not sign",
    inGenuine("<EntityDescriptor ", `<EntityDescriptor xmlnsx="y" `),
    "xml_namespace_not_allowed",
  ],
  [
    "a namespace that reads like signed attributes, once it is canonical",
    () => {
      const uri = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
      const auth = "http://docs.oasis-open.org/wsfed/authorization/200706";
      return replaced(genuine(), ` Uri="${uri}" xmlns:auth="${auth}"`, ` xmlns:auth="${auth}&quot; Uri=&quot;${uri}"`);
    },
    "xml_namespace_not_allowed",
  ],
];

const sizes: Attack[] = [
  ["a byte too many", () => genuine().padEnd(maxMetadataBytes + 1), "document_too_large"],
  ["10,000 levels", () => `<a xmlns="a">${"<a>".repeat(9999)}${"</a>".repeat(10_000)}`, "xml_too_complex"],
  [
    "10,000 levels inside a genuine document",
    inGenuine(lastTag, "<a>".repeat(10_000) + "</a>".repeat(10_000) + lastTag),
    "xml_too_complex",
  ],
  [
    "50,000 attributes",
    inGenuine(lastTag, `<a ${Array.from({ length: 50_000 }, (_, i) => `a${i}="b"`).join(" ")}/>${lastTag}`),
    "xml_too_complex",
  ],
  ["200,000 elements", inGenuine(lastTag, "<a/>".repeat(200_000) + lastTag), "xml_too_complex"],
  ["a million angle brackets", () => "<".repeat(1_000_000), "xml_not_well_formed"],
  ["an end tag of a million spaces", () => `<a xmlns="a"></a${" ".repeat(1_000_000)}x>`, "xml_not_well_formed"],
  ["a million quotes", () => `<a xmlns="a"${` b="`.repeat(250_000)}`, "xml_not_well_formed"],
  [
    "a million characters of a reference",
    () => `<a xmlns="a">&#${"1".repeat(1_000_000)};</a>`,
    "xml_entity_not_allowed",
  ],
  ["200,000 references", () => `<a xmlns="a">${"&#1;".repeat(200_000)}</a>`, "xml_character_not_allowed"],
];

refusesAll("markup that is not signed, or not there", markup);
refusesAll("encodings and characters", encodings);
refusesAll("what is not well-formed XML", wellFormedness);
refusesAll("size", sizes);
