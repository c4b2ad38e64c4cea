/**
 * The HTTP and HTTPS fronts of the host, on 127.0.0.1 only: they find the function of a request, buffer the body (up
 * to the platform's 100 MB) and send the answer. They do not limit concurrency, as `maxConcurrentRequests` of
 * host.json would, and know nothing of CORS or of the authentication of App Service.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TlsIdentity } from "../shared/certificate-authority.ts";
import { parseTarget, sendEmpty, sendRpcResponse, type Target, toRpcRequest, traceContextOf } from "./http-messages.ts";
import type { Invoker } from "./invoke.ts";
import { describeError, writeLog } from "./log.ts";
import type { Router } from "./routes.ts";

const maxBodyBytes = 100 * 1024 * 1024;

export type RequestHandler = (request: IncomingMessage, response: ServerResponse, target: Target) => Promise<void>;

export interface FrontServer {
  port: number;
  /** Takes no new connection and resolves when the last request is answered. */
  stop(): Promise<void>;
}

/** Answers with the functions of the app. */
export function createFunctionHandler(scheme: "http" | "https", router: Router, invoker: Invoker): RequestHandler {
  return async (request, response, target) => {
    const match = router.match(request.method ?? "GET", target.path);
    if (!match) return sendEmpty(response, 404);
    const length = Number(request.headers["content-length"] ?? 0);
    if (length > maxBodyBytes) return sendEmpty(response, 413);
    const body = length > 0 ? await readBody(request) : undefined;
    const http = toRpcRequest(request, scheme, target, match.params, body);
    const outcome = await invoker.invoke(match.fn, { http }, traceContextOf(request));
    if (outcome) sendRpcResponse(response, outcome.returnValue);
    else sendEmpty(response, 500);
  };
}

/** Listens on `port` (0: any free one); `option` is what the user changes where the port is taken. */
export async function listen(options: {
  port: number;
  option: string;
  tls?: TlsIdentity;
  handler: RequestHandler;
}): Promise<FrontServer> {
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    if (!server.listening) response.setHeader("connection", "close");
    const target = parseTarget(request.url ?? "/");
    if (target) options.handler(request, response, target).catch((error) => answerFailure(response, error));
    else sendEmpty(response, 404);
  };
  const server = options.tls
    ? createHttpsServer({ cert: options.tls.certificate, key: options.tls.privateKey }, listener)
    : createHttpServer(listener);
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(explainListenError(error, options)));
    server.listen(options.port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        // A connection that is kept alive becomes idle only after its last answer.
        const sweep = setInterval(() => server.closeIdleConnections(), 20);
        server.close(() => {
          clearInterval(sweep);
          resolve();
        });
      }),
  };
}

function explainListenError(error: NodeJS.ErrnoException, { port, option }: { port: number; option: string }): Error {
  const reason = error.code === "EADDRINUSE" ? "it is taken" : error.message;
  return new Error(`cannot listen on port ${port}: ${reason}; choose another port with ${option}`);
}

/** The caller is gone, or the function returned what HTTP cannot carry. */
function answerFailure(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  writeLog(process.stderr, { level: "error", message: `the request failed: ${describeError(error)}` });
  sendEmpty(response, 500);
}

export function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", reject);
  });
}
