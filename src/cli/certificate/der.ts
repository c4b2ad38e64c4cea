/** Distinguished encoding (X.690) of the few types in our certificates. Encodes only. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return Buffer.concat([Buffer.of(0x80 | bytes.length), bytes]);
}

/** SEQUENCE of encoded elements, in the order given (X.690 §8.9). */
export const sequence = (...parts: readonly Uint8Array[]) => element(0x30, ...parts);
/**
 * SET OF encoded elements, in the order given. DER requires sorted elements (X.690 §11.6), so the caller must sort
 * several elements.
 */
export const set = (...parts: readonly Uint8Array[]) => element(0x31, ...parts);
/** OCTET STRING (X.690 §8.7). */
export const octetString = (content: Uint8Array) => element(0x04, content);
/** UTF8String: the text in UTF-8. */
export const utf8String = (text: string) => element(0x0c, Buffer.from(text, "utf8"));
export const nothing = element(0x05);
export const yes = element(0x01, Buffer.of(0xff));
/** `[n] EXPLICIT`. */
export const explicit = (n: number, content: Uint8Array) => element(0xa0 | n, content);

/** INTEGER, never negative: a zero byte is added if the first bit is set. */
export function integer(bytes: Uint8Array): Buffer {
  return element(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

/** BIT STRING; `unusedBits`: number of bits in the last byte that do not count (X.690 §8.6). */
export function bitString(content: Uint8Array, unusedBits = 0): Buffer {
  return element(0x03, Buffer.of(unusedBits), content);
}

/** OBJECT IDENTIFIER from its dotted form, such as `2.5.4.3` (X.690 §8.19). */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return element(0x06, ...[first * 40 + second, ...rest].map(base128));
}

function base128(value: number): Buffer {
  const bytes = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) bytes.unshift(0x80 | (left & 0x7f));
  return Buffer.from(bytes);
}

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5). To the second. */
export function time(timeMs: number): Buffer {
  const digits = new Date(timeMs)
    .toISOString()
    .replace(/\.\d{3}Z$/, "")
    .replace(/[-:T]/g, "");
  if (Number(digits.slice(0, 4)) < 2050) return element(0x17, Buffer.from(`${digits.slice(2)}Z`));
  return element(0x18, Buffer.from(`${digits}Z`));
}
