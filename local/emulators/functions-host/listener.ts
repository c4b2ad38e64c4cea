/**
 * A listening HTTP or HTTPS server of the host, on 127.0.0.1 only. It refuses what the real host's web server refuses.
 * The TLS side stands in for the front end of App Service; HTTP/2 is not supported.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { TlsIdentity } from "../shared/certificate-authority.ts";
import { rawAnswer, sendEmpty, serverName } from "./answers.ts";
import { createConnections } from "./connections.ts";
import { parseTarget, type Target } from "./http-messages.ts";
import { describeError, writeLog } from "./log.ts";
import { acceptLowerCaseMethods } from "./method-case.ts";
import type { Limits } from "./platform.ts";
import { refusalOf } from "./request-checks.ts";

export type RequestHandler = (request: IncomingMessage, response: ServerResponse, target: Target) => Promise<void>;

export interface FrontServer {
  port: number;
  /** Accepts no new connection and resolves when the last one has ended or was reset. */
  stop(): Promise<void>;
}

interface ListenOptions {
  /** 0: any free port. */
  port: number;
  /** The option for the user to change if the port is taken. */
  option: string;
  tls?: TlsIdentity;
  limits: Limits;
  handler: RequestHandler;
}

export async function listen(options: ListenOptions): Promise<FrontServer> {
  const { limits, tls } = options;
  const connections = createConnections(limits);
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    connections.begin(response);
    response.setHeader("server", serverName);
    const refusal = refusalOf(request, limits);
    if (refusal !== undefined) {
      response.shouldKeepAlive = false;
      return sendEmpty(response, refusal);
    }
    const target = parseTarget(request.url ?? "/");
    if (target) options.handler(request, response, target).catch((error) => answerFailure(response, error));
    else sendEmpty(response, 404);
  };
  const settings = serverOptions(limits);
  const server = tls
    ? createHttpsServer({ ...settings, cert: tls.certificate, key: tls.privateKey }, onRequest)
    : createHttpServer(settings, onRequest);
  server.maxHeadersCount = 0;
  const event = tls ? "secureConnection" : "connection";
  acceptLowerCaseMethods(server, event);
  server.on(event, connections.add);
  // The real host passes any expectation on to the function.
  server.on("checkExpectation", onRequest);
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // A bad body must not lose the answer of a function that has already started.
    if (connections.closeAfterAnswer(socket as Socket)) return;
    const isHttp = /^(HPE|ERR_HTTP)_/.test(error.code ?? "");
    if (isHttp && socket.writable) socket.end(rawAnswer(statusOfParseError(error.code)));
    // Bytes after the refusal are read and dropped, so that the caller sees the answer and not a reset.
    else if (!isHttp || !socket.writableEnded) socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(explainListenError(error, options)));
    server.listen(options.port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    // The close of an HTTP server would cut idle connections at once, including those with a request on its way.
    stop: () => connections.drain(new Promise((resolve) => NetServer.prototype.close.call(server, () => resolve()))),
  };
}

function serverOptions({ headersMs, maxHeaderBytes }: Limits): ServerOptions {
  return {
    insecureHTTPParser: true,
    requireHostHeader: false,
    // Larger than the host's limit, so that the host's own check chooses the status.
    maxHeaderSize: 4 * maxHeaderBytes,
    headersTimeout: headersMs,
    connectionsCheckingInterval: Math.min(1000, headersMs),
    requestTimeout: 0,
    keepAliveTimeout: 130_000,
  };
}

function statusOfParseError(code: string | undefined): number {
  if (code === "HPE_HEADER_OVERFLOW") return 431;
  return code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
}

function explainListenError(error: NodeJS.ErrnoException, { port, option }: { port: number; option: string }): Error {
  const reason = error.code === "EADDRINUSE" ? "it is taken" : error.message;
  return new Error(`cannot listen on port ${port}: ${reason}; choose another port with ${option}`);
}

/** The caller has disconnected, or the function returned a value that HTTP cannot carry. */
function answerFailure(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  writeLog("stderr", { level: "error", message: `the request failed: ${describeError(error)}` });
  sendEmpty(response, 500);
}
