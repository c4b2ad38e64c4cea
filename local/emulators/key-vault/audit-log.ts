/**
 * The audit log in the columns of Azure Monitor's table AZKVAuditLogs, one event per answered request. It never
 * contains digests, signatures or tokens. Unlike the real table, it can be read at once, not minutes later.
 *
 * As observed on the real service, ResultType is "Success" even for a refused operation; only HttpStatusCode differs.
 */
import { STATUS_CODES } from "node:http";
import type { EmulatorRequest, EmulatorResponse } from "../shared/emulator-server.ts";
import type { Caller } from "./authentication.ts";
import { messageOf } from "./error-answers.ts";
import type { VaultResource } from "./role-assignments.ts";

export interface AuditEvent {
  TimeGenerated: string;
  /**
   * `Authentication` without a valid token; `Unknown`, which the real log does not use, for a path that does not exist.
   */
  OperationName: string;
  OperationVersion: string;
  HttpStatusCode: number;
  ResultType: "Success";
  ResultSignature: string;
  ResultDescription: string;
  DurationMs: number;
  CallerIpAddress: string;
  /** Equals the answer's x-ms-request-id. */
  CorrelationId: string;
  Identity: { claim: Record<string, string> };
  /** The object's URL, with the version if known. */
  Id: string;
  RequestUri: string;
  ClientInfo: string;
  Algorithm: string;
  /** null if no access check took place. */
  IsRbacAuthorized: boolean | null;
  IsAddressAuthorized: boolean;
  AddressAuthorizationType: string;
  Tlsversion: string;
  TenantId: string;
  SourceSystem: "Azure";
  Type: "AZKVAuditLogs";
  _ResourceId: string;
}

/** What is learned about a request while the vault handles it. */
export interface RequestTrace {
  requestId: string;
  receivedAt: Date;
  operation: string;
  objectId: string;
  algorithm: string;
  authorized: boolean | null;
  caller?: Caller;
}

/** The table's TenantId is the Log Analytics workspace, not the Entra tenant. */
const workspaceId = "00000000-0000-0000-0000-000000000000";

export function auditEvent(
  vault: VaultResource & { host: string },
  request: EmulatorRequest,
  answer: EmulatorResponse,
  trace: RequestTrace,
): AuditEvent {
  const { pathname, search, searchParams } = request.url;
  return Object.freeze({
    TimeGenerated: trace.receivedAt.toISOString(),
    OperationName: trace.operation,
    OperationVersion: searchParams.get("api-version") ?? "",
    HttpStatusCode: answer.status,
    ResultType: "Success",
    ResultSignature: STATUS_CODES[answer.status] ?? "",
    ResultDescription: messageOf(answer.body),
    DurationMs: Date.now() - trace.receivedAt.getTime(),
    CallerIpAddress: request.remoteAddress,
    CorrelationId: trace.requestId,
    Identity: { claim: trace.caller?.claims ?? {} },
    Id: trace.objectId,
    RequestUri: `https://${vault.host}:443${pathname}${search}`,
    ClientInfo: request.headers["user-agent"] ?? "",
    Algorithm: trace.algorithm,
    IsRbacAuthorized: trace.authorized,
    IsAddressAuthorized: true,
    AddressAuthorizationType: "PublicIP",
    Tlsversion: "TLS1_3",
    TenantId: workspaceId,
    SourceSystem: "Azure",
    Type: "AZKVAuditLogs",
    _ResourceId: vault.resourceId,
  });
}
