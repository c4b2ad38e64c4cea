/**
 * Reads XML from the network into a DOM: only a small, unambiguous part of XML, and only if it is well formed.
 *
 * Attacker: anyone who can send a document, or change the parts of a signed one that the signature does not cover.
 * xmldom 0.8 repairs broken XML, ignores unexpected XML, and reads some texts differently from libxml2 (XML 1.1 line
 * ends, raw text in XHTML scripts, prefixes found on Object.prototype). Relying parties must read exactly what was
 * verified. So our own scanner first rejects everything that two parsers could interpret differently: DTDs, entities,
 * processing instructions, comments, CDATA sections. Entra's documents have none of them.
 *
 * It does not validate against a schema, and knows nothing about signatures and metadata.
 */
// @ts-expect-error: the types of the package bring the DOM of browsers into every file of the program
import { DOMParser as UntypedParser } from "@xmldom/xmldom/lib/index.js";
import type { MetadataRefusal } from "../../domain/metadata/refusal.ts";

/** The part of the DOM that we use. xmldom returns an empty string for a missing attribute. */
interface XmlNode {
  readonly nodeType: number;
  readonly parentNode: XmlNode | null;
}

export interface XmlElement extends XmlNode {
  readonly localName: string;
  readonly namespaceURI: unknown;
  readonly textContent: string;
  readonly childNodes: ArrayLike<XmlNode>;
  readonly attributes: ArrayLike<XmlAttribute>;
  getAttribute(name: string): string;
  getAttributeNS(namespace: string, localName: string): string;
}

export interface XmlAttribute {
  readonly name: string;
  readonly localName: string;
  readonly namespaceURI: unknown;
  readonly value: string;
}

interface Parser {
  parseFromString(text: string, mediaType: string): { documentElement: XmlElement | null };
}
const DOMParser: new (options: {
  locator: object;
  errorHandler: Record<"warning" | "error" | "fatalError", () => never>;
}) => Parser = UntypedParser;

/** Entra's documents have 7 levels, about 200 elements, and at most 4 attributes on one element. */
const maxDepth = 12;
const maxElements = 1024;
const maxAttributes = 12;

const space = "[ \\t\\r\\n]";
const name = "[A-Za-z_][\\w.-]*(?::[A-Za-z_][\\w.-]*)?";
const startOfTag = new RegExp(`<(${name})`, "y");
const attribute = new RegExp(`${space}+(${name})${space}*=${space}*(?:"([^"<]*)"|'([^'<]*)')`, "y");
const endOfTag = new RegExp(`${space}*(/?)>`, "y");
const closingTag = new RegExp(`</(${name})${space}*>`, "y");
const declaration = new RegExp(
  `^<\\?xml${space}+version=(["'])1\\.0\\1(?:${space}+encoding=(["'])[uU][tT][fF]-8\\2)?` +
    `(?:${space}+standalone=(["'])(?:yes|no)\\3)?${space}*\\?>`,
);
/**
 * Characters that are not allowed: controls, and NEL and LINE SEPARATOR, which are line ends for xmldom but not in XML
 * 1.0.
 */
const otherCharacter = /[^\t\n\r\u0020-\u007e\u00a0-\u2027\u2029-\ufffd]/;
const entity = /&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)/;
const characterReference = /&#(?:x([0-9A-Fa-f]+)|([0-9]+));/g;

/** Carries a refusal out of nested calls. Only signed-metadata.ts catches it. */
export class DocumentRefused extends Error {
  override readonly name = "DocumentRefused";
  readonly refusal: MetadataRefusal;

  constructor(refusal: MetadataRefusal) {
    super(refusal.reason);
    this.refusal = refusal;
  }
}

/** Strict UTF-8 (RFC 3629); one byte order mark is dropped. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new DocumentRefused({ reason: "document_not_utf8" });
  }
}

/** The root of a well-formed document (XML 1.0 §2.1, Namespaces in XML 1.0). Throws `DocumentRefused`. */
export function parseXml(text: string): XmlElement {
  const elements = scan(text);
  const root = parseDom(text);
  // Scanner and parser found different numbers of elements, so they do not read the same document.
  if (!root || descendantsOf(root).length !== elements) throw new DocumentRefused({ reason: "xml_not_well_formed" });
  if (![...descendantsOf(root)].every(isInNamespace))
    throw new DocumentRefused({ reason: "xml_namespace_not_allowed" });
  return root;
}

/** The element and everything below it, in document order. */
export function descendantsOf(element: XmlElement): XmlElement[] {
  return [element, ...childrenOf(element).flatMap(descendantsOf)];
}

/** The child elements in document order, without text and comments. */
export function childrenOf(element: XmlElement): XmlElement[] {
  return Array.from(element.childNodes).filter(isElement);
}

/** Whether a node is an element (`nodeType` 1, DOM §4.4). */
export function isElement(node: XmlNode | null | undefined): node is XmlElement {
  return node?.nodeType === 1;
}

/** The attributes of an element, without namespace declarations. */
export function attributesOf(element: XmlElement): XmlAttribute[] {
  return Array.from(element.attributes).filter(({ name }) => name !== "xmlns" && !name.startsWith("xmlns:"));
}

/**
 * The octets of xs:base64Binary (XML Schema 1.1 part 2 §3.3.16). Apart from white space only the canonical encoding is
 * accepted.
 */
export function readBase64(text: string): Buffer | undefined {
  const compact = text.replace(/[ \t\r\n]/g, "");
  const octets = Buffer.from(compact, "base64");
  return octets.length > 0 && octets.toString("base64") === compact ? octets : undefined;
}

function parseDom(text: string): XmlElement | null {
  const refuseAll = () => {
    throw new DocumentRefused({ reason: "xml_not_well_formed" });
  };
  const errorHandler = { warning: refuseAll, error: refuseAll, fatalError: refuseAll };
  return new DOMParser({ locator: {}, errorHandler }).parseFromString(text, "text/xml").documentElement;
}

/**
 * Whether all prefixes are declared. An undeclared prefix has no namespace, or one that xmldom found on
 * Object.prototype.
 */
function isInNamespace(element: XmlElement): boolean {
  const prefixed = attributesOf(element).filter(({ name }) => name.includes(":"));
  return [element, ...prefixed].every(({ namespaceURI }) => typeof namespaceURI === "string");
}

/** The number of elements. Rejects a document that is not well formed, or not in the part of XML that we read. */
function scan(text: string): number {
  const start = declaration.exec(text)?.[0].length ?? 0;
  if (start === 0 && text.startsWith("<?xml")) throw new DocumentRefused({ reason: "xml_declaration_not_allowed" });
  scanCharacters(text.slice(start));
  const open: string[] = [];
  let elements = 0;
  let at = start;
  for (let next = text.indexOf("<", at); next !== -1; next = text.indexOf("<", at)) {
    if (open.length === 0) expectSpace(text.slice(at, next), at);
    closingTag.lastIndex = next;
    const closing = closingTag.exec(text);
    if (closing) {
      if (open.pop() !== closing[1]) throw notWellFormed(next);
      at = closingTag.lastIndex;
      continue;
    }
    if (open.length === 0 && elements > 0) throw notWellFormed(next);
    elements += 1;
    const tag = scanTag(text, next);
    if (!tag.isEmpty) open.push(tag.name);
    if (elements > maxElements) throw new DocumentRefused({ reason: "xml_too_complex", limit: "elements" });
    if (open.length > maxDepth) throw new DocumentRefused({ reason: "xml_too_complex", limit: "depth" });
    at = tag.end;
  }
  expectSpace(text.slice(at), at);
  if (open.length > 0 || elements === 0) throw notWellFormed(text.length);
  return elements;
}

/**
 * Rejects characters and markup that are not allowed anywhere. Comments and CDATA sections are not allowed, so every
 * `<!` is markup.
 */
function scanCharacters(text: string): void {
  if (otherCharacter.test(text)) throw new DocumentRefused({ reason: "xml_character_not_allowed" });
  const markups = {
    "<!--": "comment",
    "<![CDATA[": "CDATA section",
    "<!": "DTD",
    "<?": "processing instruction",
  } as const;
  for (const [start, markup] of Object.entries(markups)) {
    if (text.includes(start)) throw new DocumentRefused({ reason: "xml_markup_not_allowed", markup });
  }
  if (entity.test(text)) throw new DocumentRefused({ reason: "xml_entity_not_allowed" });
  for (const [, hex, decimal] of text.matchAll(characterReference)) {
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    if (!isCharacter(code)) throw new DocumentRefused({ reason: "xml_character_not_allowed" });
  }
  if (text.includes("]]>")) throw new DocumentRefused({ reason: "xml_not_well_formed" });
}

function isCharacter(code: number): boolean {
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
  return code > 0xffff || !otherCharacter.test(String.fromCharCode(code));
}

function scanTag(text: string, start: number): { name: string; isEmpty: boolean; end: number } {
  startOfTag.lastIndex = start;
  const tag = startOfTag.exec(text);
  if (!tag?.[1]) throw notWellFormed(start);
  let at = startOfTag.lastIndex;
  const seen = new Set<string>();
  for (;;) {
    attribute.lastIndex = at;
    const found = attribute.exec(text);
    if (!found?.[1]) break;
    if (seen.has(found[1])) throw notWellFormed(at);
    seen.add(found[1]);
    if (seen.size > maxAttributes) {
      throw new DocumentRefused({ reason: "xml_too_complex", limit: "attributes of an element" });
    }
    scanNamespace(found[1], String(found[2] ?? found[3]));
    at = attribute.lastIndex;
  }
  endOfTag.lastIndex = at;
  const end = endOfTag.exec(text);
  if (!end) throw notWellFormed(at);
  return { name: tag[1], isEmpty: end[1] === "/", end: endOfTag.lastIndex };
}

/**
 * xml-crypto 6.3.2 excludes every attribute whose name starts with `xmlns` from the signed data. It also writes
 * namespace names unescaped, so that a name with quotes could look like signed attributes. Both are rejected here.
 */
function scanNamespace(attributeName: string, value: string): void {
  if (!attributeName.startsWith("xmlns")) return;
  const isDeclaration = /^xmlns(?::(?!xml)[\w.-]+)?$/.test(attributeName);
  if (!isDeclaration || !/^[^"'<>&\s]+$/.test(value)) {
    throw new DocumentRefused({ reason: "xml_namespace_not_allowed" });
  }
}

function expectSpace(text: string, offset: number): void {
  if (/[^ \t\r\n]/.test(text)) throw notWellFormed(offset);
}

function notWellFormed(offset: number): DocumentRefused {
  return new DocumentRefused({ reason: "xml_not_well_formed", offset });
}
