/** Errors in the shape of Microsoft Graph. The texts are our own words, except those quoted in public reports. */
import { randomUUID } from "node:crypto";
import type { EmulatorResponse } from "../shared/emulator-server.ts";

/** A refused request, thrown by the handlers. */
export class GraphError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const badRequest = (message: string) => new GraphError(400, "Request_BadRequest", message);
export const notAuthenticated = (message: string) => new GraphError(401, "InvalidAuthenticationToken", message);
export const proofRefused = () =>
  new GraphError(401, "Authentication_MissingOrMalformed", "Access Token missing or malformed.");
export const forbidden = () =>
  new GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
export const conflict = (message: string) => new GraphError(409, "Request_MultipleObjectsWithSameKeyValue", message);
export const notFound = (id: string) =>
  new GraphError(404, "Request_ResourceNotFound", `Resource '${id}' does not exist or is not visible to the caller.`);

export function graphErrorAnswer({ status, code, message }: GraphError, nowMs: number): EmulatorResponse {
  const requestId = randomUUID();
  const date = new Date(nowMs).toISOString().slice(0, 19);
  const innerError = { date, "request-id": requestId, "client-request-id": requestId };
  return { status, headers: { "request-id": requestId }, body: { error: { code, message, innerError } } };
}
