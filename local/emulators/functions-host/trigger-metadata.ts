/**
 * The metadata of a trigger for an invocation. For HTTP it contains all headers, the query and the members of a JSON
 * body, including credentials. It must therefore never be logged unfiltered.
 */
import { randomUUID } from "node:crypto";
import type { RpcHttpRequest, RpcTypedData, TriggerData } from "./rpc-types.ts";

export function triggerMetadataOf(functionName: string, data: TriggerData): Record<string, RpcTypedData> {
  const sys = { MethodName: functionName, UtcNow: new Date().toISOString(), RandGuid: randomUUID() };
  return { ...("http" in data && httpMetadata(data.http)), sys: { json: JSON.stringify(sys) } };
}

function httpMetadata({ headers, query, params, body }: RpcHttpRequest): Record<string, RpcTypedData> {
  const members = { ...(body && jsonMembers(body.bytes)), ...query, ...params };
  const typed = Object.entries(members).map(([name, value]) => [name, toTypedData(value)] as const);
  return {
    ...Object.fromEntries(typed),
    Headers: { json: JSON.stringify(headers) },
    Query: { json: JSON.stringify(query) },
  };
}

/** Empty if the body is not a JSON object. */
function jsonMembers(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}

function toTypedData(value: unknown): RpcTypedData {
  return typeof value === "string" ? { string: value } : { json: JSON.stringify(value) };
}
