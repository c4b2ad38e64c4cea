import type { HttpRequest } from "@azure/functions";
import type { RequestRefusal } from "../domain/issuing/refusal.ts";
import { ok, type Result, refuse } from "../domain/shared/result.ts";

/** Every parameter that has a meaning here. Others are ignored (RFC 6749 §3.2) and never echoed. */
export const parameterNames = [
  "grant_type",
  "client_id",
  "scope",
  "client_assertion",
  "client_assertion_type",
  "subject_token",
  "subject_token_type",
  "requested_token_type",
  "claims",
  "client_secret",
  "actor_token",
  "actor_token_type",
  "resource",
  "audience",
] as const;

type ParameterName = (typeof parameterNames)[number];
const known: ReadonlySet<string> = new Set(parameterNames);
export type Parameters = ReadonlyMap<ParameterName, string>;

/** A caller's token of a few KiB and some short fields; anything larger is an attack or a mistake. */
export const maxBodyBytes = 65_536;
const tooLarge = refuse({ reason: "body_too_large" as const, maxBytes: maxBodyBytes });

/** A body that may be parsed, as text. */
export interface Body {
  text: string;
  /** A form (RFC 6749 §4.4.2), otherwise JSON. */
  isForm: boolean;
}

/** Reads the body, after what is wrong with the rest of the request. */
export async function readBody(request: HttpRequest): Promise<Result<Body, RequestRefusal>> {
  for (const name of request.query.keys()) {
    // Every proxy on the way would log a token in a URL (RFC 6750 §5.3).
    if (isParameterName(name)) return refuse({ reason: "parameter_in_query", parameter: name });
  }
  const mediaType = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  const isForm = mediaType === "application/x-www-form-urlencoded";
  if (!isForm && mediaType !== "application/json") return refuse({ reason: "content_type_not_supported" });
  if (Number(request.headers.get("content-length")) > maxBodyBytes) return tooLarge;
  const text = await readText(request);
  if (text === undefined) return tooLarge;
  // The host passes on no body whose length was not announced.
  if (text === "" && request.headers.has("transfer-encoding")) return refuse({ reason: "body_without_length" });
  return ok({ text, isForm });
}

/** The parameters of a body: a form, or a JSON object with the same names. */
export function parseParameters({ text, isForm }: Body): Result<Parameters, RequestRefusal> {
  return isForm ? parseForm(text) : parseJson(text);
}

const decoder = new TextDecoder();

/**
 * The body as text, undefined where it has too many bytes. Read from its stream, which has it in one piece: `text()`
 * takes several times as long.
 */
async function readText(request: HttpRequest): Promise<string | undefined> {
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = request.body?.getReader();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for (let next = await reader?.read(); next?.value !== undefined; next = await reader?.read()) {
    pieces.push(next.value);
    bytes += next.value.byteLength;
    if (bytes > maxBodyBytes) return undefined;
  }
  return decoder.decode(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces));
}

/** RFC 6749 §3.2: a parameter given twice is refused, one without a value is treated as omitted. */
function parseForm(body: string): Result<Parameters, RequestRefusal> {
  const parameters = new Map<ParameterName, string>();
  for (const [name, value] of new URLSearchParams(body)) {
    if (!isParameterName(name)) continue;
    if (parameters.has(name)) return refuse({ reason: "parameter_repeated", parameter: name });
    parameters.set(name, value);
  }
  for (const [name, value] of parameters) if (value === "") parameters.delete(name);
  return ok(parameters);
}

function isParameterName(name: string): name is ParameterName {
  return known.has(name);
}

/** Of two equal members the last one counts, as everywhere in JavaScript. No other parser reads this body. */
function parseJson(body: string): Result<Parameters, RequestRefusal> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return refuse({ reason: "body_not_readable" });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refuse({ reason: "body_not_readable" });
  }
  const members = new Map<string, unknown>(Object.entries(value));
  const parameters = new Map<ParameterName, string>();
  for (const name of parameterNames) {
    const member = members.get(name) ?? "";
    if (typeof member !== "string") return refuse({ reason: "parameter_invalid", parameter: name, rule: "a string" });
    if (member !== "") parameters.set(name, member);
  }
  return ok(parameters);
}
