/**
 * JSON that also supports dates, maps, sets, bytes and keys: each is an object with one property, whose name begins
 * with `$`. Private keys are written in clear text, so the text must be stored in a file that only its owner can read.
 */
import { createPrivateKey, createPublicKey, KeyObject } from "node:crypto";

export function toTaggedJson(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, name, shown) {
    // The second argument is the result of `toJSON`, which converts a date to text.
    return tag(this[name]) ?? shown;
  });
}

/** @throws SyntaxError if it is not JSON. */
export function fromTaggedJson(text: string): unknown {
  return JSON.parse(text, (_name, value) => untag(value));
}

function tag(value: unknown): object | undefined {
  if (value instanceof Date) return { $date: value.toISOString() };
  if (value instanceof Map) return { $map: [...value] };
  if (value instanceof Set) return { $set: [...value] };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (!(value instanceof KeyObject)) return undefined;
  return value.type === "private"
    ? { $privateKey: value.export({ format: "pem", type: "pkcs8" }) }
    : { $publicKey: value.export({ format: "pem", type: "spki" }) };
}

function untag(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const [entry, another] = Object.entries(value);
  if (entry === undefined || another !== undefined) return value;
  const [name, content] = entry;
  if (name === "$date") return new Date(content);
  if (name === "$map") return new Map(content);
  if (name === "$set") return new Set(content);
  if (name === "$bytes") return Buffer.from(content, "base64");
  if (name === "$privateKey") return createPrivateKey(content);
  if (name === "$publicKey") return createPublicKey(content);
  return value;
}
