/**
 * How the vault handles one request: authentication, injected behaviour, permission, the operation, and always an audit
 * event with the request id that is in the answer. Only a dropped connection leaves no event.
 */
import { randomUUID } from "node:crypto";
import {
  applyBehaviour,
  type Behaviour,
  type EmulatorRequest,
  type EmulatorResponse,
} from "../shared/emulator-server.ts";
import { type AuditEvent, auditEvent, type RequestTrace } from "./audit-log.ts";
import { challenge, type createAuthenticator } from "./authentication.ts";
import { badParameter, Refusal, withUsualBody } from "./error-answers.ts";
import type { KeyStore } from "./key-store.ts";
import { forbiddenByRbac, isAllowed, type RoleAssignment, type VaultResource } from "./role-assignments.ts";
import { findOperation } from "./routes.ts";

export interface DataPlane extends VaultResource {
  host: string;
  tenantId: string;
  authenticate: ReturnType<typeof createAuthenticator>;
  store: KeyStore;
  assignments: RoleAssignment[];
  behaviour: Behaviour;
  audit: AuditEvent[];
}

export async function handle(vault: DataPlane, request: EmulatorRequest): Promise<EmulatorResponse> {
  const trace: RequestTrace = {
    requestId: randomUUID(),
    receivedAt: new Date(),
    operation: "Authentication",
    objectId: "",
    algorithm: "",
    authorized: null,
  };
  const answer = await carryOut(vault, request, trace).catch((error: unknown) => {
    if (error instanceof Refusal) return error.answer;
    throw error;
  });
  vault.audit.push(auditEvent(vault, request, answer, trace));
  return { ...answer, headers: { ...answer.headers, ...serviceHeaders(vault, request, trace) } };
}

/** Authenticates, applies the injected behaviour of the operation, checks the permission, and runs the operation. */
async function carryOut(vault: DataPlane, request: EmulatorRequest, trace: RequestTrace): Promise<EmulatorResponse> {
  const { pathname, searchParams } = request.url;
  const caller = await vault.authenticate(request.headers.authorization);
  const found = findOperation(request.method, pathname);
  if (!(caller instanceof Refusal)) {
    trace.caller = caller;
    trace.operation = found?.operation.operation ?? "Unknown";
    trace.objectId = found?.name === undefined ? "" : objectUrl(vault, pathname, found);
  }
  const fault = await applyBehaviour(vault.behaviour, trace.operation);
  if (fault) return withUsualBody(fault);
  if (caller instanceof Refusal) return challenge(vault.tenantId, caller);
  if (!searchParams.get("api-version")) throw badParameter("api-version must be specified");
  if (!found) throw new Refusal(404, "NotFound", "The requested resource does not exist.");
  const { operation, name, version } = found;
  trace.authorized = isAllowed(vault.assignments, caller, operation.action, name);
  if (!trace.authorized) throw forbiddenByRbac(vault, caller, operation.action, resourcePath(pathname, name));
  return { status: 200, body: await operation.run(vault.store, { name, version, body: request.body, trace }) };
}

/** Built from the path alone. The operation replaces it with the full id of the object it found. */
function objectUrl(
  vault: DataPlane,
  pathname: string,
  found: { name: string | undefined; version: string | undefined },
) {
  const version = found.version === undefined ? "" : `/${found.version}`;
  return `https://${vault.host}${resourcePath(pathname, found.name)}${version}`;
}

function resourcePath(pathname: string, name: string | undefined): string {
  const collection = pathname.split("/").find((segment) => segment !== "");
  return name === undefined ? "" : `/${collection}/${name}`;
}

function serviceHeaders(vault: DataPlane, request: EmulatorRequest, trace: RequestTrace): Record<string, string> {
  const clientRequestId = request.headers["x-ms-client-request-id"];
  return {
    "x-ms-request-id": trace.requestId,
    "x-ms-keyvault-region": vault.region,
    "x-ms-keyvault-service-version": "1.9.2000.1",
    "cache-control": "no-cache",
    ...(typeof clientRequestId === "string" && { "x-ms-client-request-id": clientRequestId }),
  };
}
