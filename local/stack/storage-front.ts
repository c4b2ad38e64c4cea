/**
 * A proxy in front of Azurite's tables and blobs, because Azurite does not check a token's signature and never fails.
 * It refuses tokens whose key Entra no longer publishes, and injects latency and faults for tables, as the emulators
 * do. Everything else is passed on unchanged. Queues do not use it.
 */
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import { z } from "zod";
import { behaviourSchema } from "../emulators/shared/behaviour-schema.ts";
import type { TlsIdentity } from "../emulators/shared/certificate-authority.ts";
import { ControlError, type ControlRoute } from "../emulators/shared/control-route.ts";
import {
  applyBehaviour,
  type Behaviour,
  createEmulator,
  type Emulator,
  type EmulatorRequest,
  type EmulatorResponse,
} from "../emulators/shared/emulator-server.ts";
import { createStorageTokenCheck, type StorageTokenOptions } from "./storage-tokens.ts";

export interface TableFront extends Emulator {
  /** Operation names as in Azure's own storage logs. */
  behaviour: Behaviour;
  control: ControlRoute[];
}

const operations = [
  ...(["InsertEntity", "MergeEntity", "UpdateEntity", "DeleteEntity", "QueryEntities"] as const),
  ...(["EntityGroupTransaction", "Other"] as const),
];

const operationOf: Record<string, (typeof operations)[number]> = {
  POST: "InsertEntity",
  PATCH: "MergeEntity",
  MERGE: "MergeEntity",
  PUT: "UpdateEntity",
  DELETE: "DeleteEntity",
  GET: "QueryEntities",
};

/** Answers of the service for injection (REST API, "Table service error codes"). */
export const tableFaultAnswers = {
  serverBusy: errorAnswer(503, "ServerBusy"),
  tooManyRequests: errorAnswer(429, "TooManyRequests"),
  tableBeingDeleted: errorAnswer(409, "TableBeingDeleted"),
  entityAlreadyExists: errorAnswer(409, "EntityAlreadyExists"),
};

function errorAnswer(status: number, code: string) {
  const headers = { "content-type": "application/json;odata=minimalmetadata" };
  const error = { code, message: { lang: "en-US", value: `${code}: injected by the local stack.` } };
  return { status, headers, body: { "odata.error": error } };
}

const behaviourBody = behaviourSchema(z.enum(operations));

/** Azurite's certificate must be issued for 127.0.0.1 by an authority that this process trusts. */
interface FrontOptions {
  port: number;
  tls: TlsIdentity;
  azuritePort: number;
  /** Undefined: Azurite alone checks tokens. */
  tokens: StorageTokenOptions | undefined;
}

export async function startTableFront({ port, tls, azuritePort, tokens }: FrontOptions): Promise<TableFront> {
  const behaviour: Behaviour = { latencyMs: 0, faults: [] };
  const forward = forwardTo(azuritePort);
  const refuse = tokens && createStorageTokenCheck(tokens, "table");
  const emulator = await createEmulator({
    port,
    tls,
    async handler(request) {
      const isBatch = request.url.pathname.endsWith("/$batch");
      const operation = isBatch ? "EntityGroupTransaction" : (operationOf[request.method] ?? "Other");
      const fault = await applyBehaviour(behaviour, operation);
      return fault ?? (await refuse?.(request)) ?? forward(request);
    },
  });
  const control: ControlRoute[] = [
    { method: "GET", path: "/behaviour", handle: () => behaviour },
    {
      method: "PUT",
      path: "/behaviour",
      handle({ body }) {
        const parsed = behaviourBody.safeParse(body);
        if (!parsed.success) throw new ControlError(z.prettifyError(parsed.error));
        return Object.assign(behaviour, parsed.data);
      },
    },
  ];
  return Object.assign(emulator, { behaviour, control });
}

export function startBlobFront({ port, tls, azuritePort, tokens }: FrontOptions): Promise<Emulator> {
  const forward = forwardTo(azuritePort);
  const refuse = tokens && createStorageTokenCheck(tokens, "blob");
  return createEmulator({ port, tls, handler: async (request) => (await refuse?.(request)) ?? forward(request) });
}

function forwardTo(azuritePort: number) {
  const upstream = { host: "127.0.0.1", port: azuritePort, agent: new Agent({ keepAlive: true }) };
  return (request: EmulatorRequest) => forward(request, upstream);
}

function forward(request: EmulatorRequest, upstream: RequestOptions): Promise<EmulatorResponse> {
  const { method, url, headers } = request;
  const body = url.pathname.endsWith("/$batch") ? inPathStyle(request.body) : request.body;
  const { promise, resolve, reject } = Promise.withResolvers<EmulatorResponse>();
  const path = `${url.pathname}${url.search}`;
  httpsRequest({ ...upstream, method, path, headers: endToEnd(headers) }, (response) => {
    const status = response.statusCode ?? 502;
    // Clients of blobs do not accept a body without its length.
    const length = response.headers["content-length"];
    const headers = { ...endToEnd(response.headers), ...(length !== undefined && { "content-length": length }) };
    response.toArray().then((chunks) => resolve({ status, headers, body: Buffer.concat(chunks) }), reject);
  })
    .on("error", reject)
    .end(body);
  return promise;
}

/** The requests in a batch name an account by its host, which Azurite (3.36) supports only outside of batches. */
function inPathStyle(batch: Buffer): Buffer {
  const text = batch.toString("utf8");
  return Buffer.from(text.replace(/^((?:PUT|PATCH|POST|DELETE|MERGE) https:\/\/)(\w+)(\.[^/]+)\//gm, "$1$2$3/$2/"));
}

/** Removes the headers that belong to one connection. The sender of the body sets its length. */
function endToEnd(headers: EmulatorRequest["headers"]): Record<string, string> {
  const hopByHop = new Set(["connection", "keep-alive", "transfer-encoding", "content-length"]);
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (hopByHop.has(name) ? [] : [[name, String(value)]])),
  );
}
