/**
 * The connections of one server, and how they end when the host stops: pending answers get `Connection: close`, idle
 * connections are closed, and those still open after the drain are reset. A connection counts as idle only after a
 * grace period, because a request may already be on its way.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { TLSSocket } from "node:tls";
import type { Limits } from "./platform.ts";

export interface Connections {
  add(socket: Socket): void;
  begin(response: ServerResponse): void;
  /** Whether an answer is still pending. If so, the connection ends after it. */
  closeAfterAnswer(socket: Socket): boolean;
  /** Ends all connections. `closed` resolves when the server has none left. */
  drain(closed: Promise<void>): Promise<void>;
}

export function createConnections(limits: Limits): Connections {
  const lastUse = new Map<Socket, number>();
  const open = new Set<ServerResponse>();
  let draining = false;

  const answersOf = (socket: Socket) => [...open].filter(({ req }) => req.socket === socket);

  function closeIdle(): void {
    const idleSince = performance.now() - limits.idleGraceMs;
    const busy = new Set([...open].map(({ req }) => req.socket));
    for (const [socket, usedAt] of lastUse) if (!busy.has(socket) && usedAt <= idleSince) socket.destroySoon();
  }

  return {
    add: (socket) => {
      lastUse.set(socket, performance.now());
      socket.once("close", () => lastUse.delete(socket));
    },
    begin: (response) => {
      const { socket } = response.req;
      open.add(response);
      if (draining) response.shouldKeepAlive = false;
      response.once("close", () => {
        open.delete(response);
        if (lastUse.has(socket)) lastUse.set(socket, performance.now());
      });
    },
    closeAfterAnswer: (socket) => {
      const answers = answersOf(socket);
      for (const answer of answers) answer.shouldKeepAlive = false;
      return answers.length > 0;
    },
    drain: async (closed) => {
      draining = true;
      for (const response of open) response.shouldKeepAlive = false;
      const sweep = setInterval(closeIdle, 20);
      const ended = await Promise.race([closed, sleep(limits.connectionDrainMs, "too late" as const)]);
      clearInterval(sweep);
      if (ended === "too late") for (const socket of lastUse.keys()) reset(socket);
    },
  };
}

function reset(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
