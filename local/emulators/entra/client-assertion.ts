/** Reads a client assertion. Nothing in it is verified here. */
import { AadstsError } from "./aadsts-error.ts";
import { auditText, type EntraAuditEvent } from "./audit-log.ts";

export interface Assertion {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  signedText: string;
  signature: Buffer;
}

const jwt = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;

export function decodeAssertion(text: string): Assertion {
  const [, header, claims, signature] = jwt.exec(text) ?? [];
  if (!header || !claims || !signature) throw new AadstsError(50027);
  return {
    header: decodePart(header),
    claims: decodePart(claims),
    signedText: `${header}.${claims}`,
    signature: Buffer.from(signature, "base64url"),
  };
}

function decodePart(part: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(part, "base64url").toString());
  } catch {
    throw new AadstsError(50027);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new AadstsError(50027);
  return value as Record<string, unknown>;
}

/** The part of an assertion that the audit log may keep. */
export function describeAssertion({ header, claims }: Assertion): NonNullable<EntraAuditEvent["assertion"]> {
  const { alg, x5t } = header;
  const { jti, nbf, iat, exp } = claims;
  return {
    ...(typeof alg === "string" && { alg: auditText(alg) }),
    ...(typeof header["x5t#S256"] === "string" && { x5tS256: auditText(header["x5t#S256"]) }),
    ...(typeof x5t === "string" && { x5t: auditText(x5t) }),
    ...(typeof jti === "string" && { jti: auditText(jti) }),
    ...(typeof nbf === "number" && { nbf }),
    ...(typeof iat === "number" && { iat }),
    ...(typeof exp === "number" && { exp }),
  };
}
