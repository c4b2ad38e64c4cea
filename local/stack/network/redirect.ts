/**
 * Preloaded (`node --import`) into the process of the functions host: redirects connections to the production names of
 * Azure services to the emulators' ports on loopback, and refuses connections to anything else except loopback. It does
 * what a hosts file and a firewall would do, for one process and without root. The product therefore runs with its
 * production constants, and TLS checks the production names. The data that is sent stays unchanged.
 *
 * LOCAL_ROUTES: a JSON object, host name to port.
 */
import { isIP, Socket } from "node:net";

const routes = new Map<string, number>(Object.entries(JSON.parse(process.env.LOCAL_ROUTES ?? "{}")));
const loopbackNames = new Set(["localhost", "127.0.0.1", "::1"]);

type Target = { host?: string; port?: number; path?: string | null; lookup?: unknown };
type Connect = (this: Socket, ...args: unknown[]) => Socket;

const connect = Socket.prototype.connect as unknown as Connect;

Socket.prototype.connect = function redirected(this: Socket, ...args: unknown[]) {
  // Node's own callers pass one array of [options, callback].
  const [first, ...rest] = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  if (typeof first !== "object" || first === null) return connect.apply(this, args);
  const target = first as Target;
  const host = target.host ?? "localhost";
  if (target.path || loopbackNames.has(host)) return connect.apply(this, args);
  const port = routes.get(host);
  if (port === undefined) {
    const error = new Error(`the local stack has no ${isIP(host) ? "route to" : "service named"} ${host}`);
    process.nextTick(() => this.destroy(Object.assign(error, { code: "ECONNREFUSED" })));
    return this;
  }
  // A copy, because TLS checks the certificate against the host name of the original.
  const { lookup: _, ...options } = target;
  return connect.apply(this, [{ ...options, host: "127.0.0.1", port }, ...rest]);
} as unknown as typeof Socket.prototype.connect;
