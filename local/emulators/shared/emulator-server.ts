/**
 * What all emulators share: a loopback server (with TLS if the real service has it), injected latency and faults, and a
 * stop that also cuts open connections, as an outage of the service would.
 */
import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { TlsIdentity } from "./certificate-authority.ts";

export interface EmulatorRequest {
  method: string;
  url: URL;
  headers: IncomingHttpHeaders;
  body: Buffer;
  remoteAddress: string;
}

export interface EmulatorResponse {
  status: number;
  headers?: Record<string, string>;
  /** An object is sent as JSON, a string or buffer unchanged. */
  body?: unknown;
}

type Handler = (request: EmulatorRequest) => EmulatorResponse | Promise<EmulatorResponse>;

/** One injected fault. The first match applies; `times` counts down and a fault at 0 is removed. */
export interface Fault {
  /** Only for this operation, for example `KeySign` or `token`. Absent: every operation. */
  operation?: string;
  /** How many times it applies. Absent: until the faults are cleared. */
  times?: number;
  /** Added to the configured latency, milliseconds. */
  delayMs?: number;
  /** `true`: the connection is cut without an answer. */
  drop?: boolean;
  /**
   * With a status, the emulator sends only this answer. Without one, it handles the request as usual after the delay.
   */
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface Behaviour {
  /** Before every answer, milliseconds. */
  latencyMs: number;
  faults: Fault[];
}

/** Thrown by `applyBehaviour` to cut the connection without an answer. */
class DroppedConnection extends Error {}

/** Waits for the latency. Returns the answer of a fault, or undefined if the operation should run. */
export async function applyBehaviour(behaviour: Behaviour, operation: string): Promise<EmulatorResponse | undefined> {
  const fault = behaviour.faults.find((f) => f.operation === undefined || f.operation === operation);
  if (fault?.times !== undefined) {
    fault.times -= 1;
    if (fault.times <= 0) behaviour.faults.splice(behaviour.faults.indexOf(fault), 1);
  }
  const delayMs = behaviour.latencyMs + (fault?.delayMs ?? 0);
  if (delayMs > 0) await sleep(delayMs);
  if (fault?.drop) throw new DroppedConnection();
  if (fault?.status === undefined) return undefined;
  return { status: fault.status, headers: fault.headers ?? {}, body: fault.body };
}

/** A running emulator that can be stopped and restarted on the same port. */
export interface Emulator {
  /** Bound on 127.0.0.1. It stays the same after a restart. */
  port: number;
  start(): Promise<void>;
  /** Closes the listener and cuts every open connection. State is kept for the restart. */
  stop(): Promise<void>;
}

/** Binds `port` (0: any free port) on 127.0.0.1. Rejects with the system's error if the port is taken. */
export async function createEmulator(options: {
  port: number;
  tls?: TlsIdentity;
  handler: Handler;
}): Promise<Emulator> {
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    answer(options.handler, request, response).catch(() => request.socket.destroy());
  };
  const server = options.tls
    ? createHttpsServer({ cert: options.tls.certificate, key: options.tls.privateKey }, listener)
    : createHttpServer(listener);
  // Kept separately, because the server does not count connections that are still in their TLS handshake.
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.keepAliveTimeout = 60_000;
  const emulator: Emulator = {
    port: options.port,
    start: () =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(emulator.port, "127.0.0.1", () => {
          server.removeListener("error", reject);
          emulator.port = (server.address() as AddressInfo).port;
          resolve();
        });
      }),
    stop: () =>
      new Promise((resolve) => {
        if (!server.listening) return resolve();
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  await emulator.start();
  return emulator;
}

async function answer(handler: Handler, request: IncomingMessage, response: ServerResponse) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { status, headers, body } = await handler({
    method: request.method ?? "GET",
    url: new URL(request.url ?? "/", `https://${request.headers.host ?? "localhost"}`),
    headers: request.headers,
    body: Buffer.concat(chunks),
    remoteAddress: request.socket.remoteAddress ?? "127.0.0.1",
  });
  const isRaw = typeof body === "string" || Buffer.isBuffer(body);
  const payload = body === undefined ? undefined : isRaw ? body : JSON.stringify(body);
  const contentType = body === undefined || isRaw ? {} : { "content-type": "application/json; charset=utf-8" };
  response.writeHead(status, { ...contentType, ...headers });
  response.end(payload);
}
