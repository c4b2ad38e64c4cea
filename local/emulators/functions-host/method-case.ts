/**
 * Accepts methods in lower case: Kestrel accepts them and ASP.NET Core compares methods without regard to case, but
 * Node's parser refuses them. So the first bytes of a connection are changed before the parser sees them. A later
 * request on the same connection is still refused.
 */
import { METHODS, type Server } from "node:http";
import type { Socket } from "node:net";

/** `event` is the event by which a socket reaches the server's parser. */
export function acceptLowerCaseMethods(server: Server, event: "connection" | "secureConnection"): void {
  const [parse] = server.listeners(event) as ((socket: Socket) => void)[];
  if (!parse) throw new Error(`the server has no listener for ${event}`);
  server.off(event, parse);
  server.on(event, (socket: Socket) => {
    // Used until the parser's own handlers are attached: a caller that disconnects ends only its own connection.
    const end = () => socket.destroy();
    socket.on("error", end).on("end", end);
    socket.once("data", (chunk: Buffer) => {
      socket.pause();
      socket.unshift(raiseMethod(chunk));
      parse.call(server, socket);
      socket.off("error", end).off("end", end);
      process.nextTick(() => socket.resume());
    });
  });
}

function raiseMethod(start: Buffer): Buffer {
  const [method] = /^[a-z]+(?= )/i.exec(start.toString("latin1", 0, 16)) ?? [];
  if (method === undefined || !METHODS.includes(method.toUpperCase())) return start;
  return Buffer.concat([Buffer.from(method.toUpperCase()), start.subarray(method.length)]);
}
