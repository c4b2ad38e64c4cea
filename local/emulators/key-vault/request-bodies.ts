/**
 * Reads the JSON bodies of the data plane's requests. An invalid body gets a 400 BadParameter that names the field.
 * Only RSA keys can be created; an exportable key cannot be created over the data plane.
 */
import { z } from "zod";
import { badParameter } from "./error-answers.ts";
import type { KeyVersion, NewKey } from "./key-store.ts";

const attributesSchema = z.object({
  enabled: z.boolean().optional(),
  nbf: z.int().optional(),
  exp: z.int().optional(),
  exportable: z.boolean().optional(),
});

/** The body of sign, wrapKey and unwrapKey. */
const operationSchema = z.object({ alg: z.string(), value: z.string().regex(/^[A-Za-z0-9_-]+={0,2}$/) });

const keyCreateSchema = z.object({
  kty: z.enum(["RSA", "RSA-HSM"]),
  key_size: z.union([z.literal(2048), z.literal(3072), z.literal(4096)]).default(2048),
  key_ops: z.array(z.string()).default(["sign", "verify"]),
  attributes: attributesSchema.default({}),
});

const keyUpdateSchema = z.object({ key_ops: z.array(z.string()).optional(), attributes: attributesSchema.default({}) });

export function parseOperation(body: Buffer): { alg: string; value: Buffer } {
  const { alg, value } = parse(operationSchema, body);
  return { alg, value: Buffer.from(value, "base64url") };
}

export function parseKeyCreate(body: Buffer): Omit<NewKey, "name"> {
  const { kty, key_size, key_ops, attributes } = parse(keyCreateSchema, body);
  if (attributes.exportable) throw badParameter("AKV.SKR.1004: Exportable keys must have release policy.");
  return { kty, keySize: key_size, keyOps: key_ops, exportable: false, enabled: true, ...validity(attributes) };
}

export function parseKeyUpdate(body: Buffer): Partial<KeyVersion> {
  const { key_ops, attributes } = parse(keyUpdateSchema, body);
  return { ...(key_ops && { keyOps: key_ops }), ...validity(attributes) };
}

/** Omits what the request does not name, so that an update keeps it. */
function validity(attributes: z.infer<typeof attributesSchema>) {
  return {
    ...(attributes.enabled !== undefined && { enabled: attributes.enabled }),
    ...(attributes.nbf !== undefined && { notBefore: new Date(attributes.nbf * 1000) }),
    ...(attributes.exp !== undefined && { expires: new Date(attributes.exp * 1000) }),
  };
}

function parse<Schema extends z.ZodType>(schema: Schema, body: Buffer): z.infer<Schema> {
  let json: unknown;
  try {
    json = JSON.parse(body.toString("utf8"));
  } catch {
    throw badParameter("The request body is not valid JSON.");
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const field = result.error.issues[0]?.path.join(".") || "body";
  throw badParameter(`Property ${field} has invalid value.`);
}
