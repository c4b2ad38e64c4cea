/**
 * The control interface of the whole stack: plain HTTP with JSON on one loopback port, each part under its own name. It
 * is for tests, drills and people; the product never uses it. A request whose Host is not loopback is refused, so that
 * a page in a browser cannot reach it through its own host name.
 */
import { ControlError, type ControlRoute } from "../emulators/shared/control-route.ts";
import { createEmulator, type Emulator, type EmulatorResponse } from "../emulators/shared/emulator-server.ts";

const loopback = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

export function startControlServer(port: number, parts: Record<string, ControlRoute[]>): Promise<Emulator> {
  const routes = new Map<string, ControlRoute>(
    Object.entries(parts).flatMap(([part, list]) =>
      list.map((route) => [`${route.method} /${part}${route.path}`, route] as const),
    ),
  );
  const index = [...routes.keys()].sort();
  return createEmulator({
    port,
    handler: async ({ method, url, headers, body }): Promise<EmulatorResponse> => {
      if (!loopback.test(headers.host ?? "") || headers.origin !== undefined) {
        return { status: 403, body: { error: "the control interface answers local tools only" } };
      }
      if (method === "GET" && url.pathname === "/") return { status: 200, body: { routes: index } };
      const route = routes.get(`${method} ${url.pathname}`);
      if (!route) return { status: 404, body: { error: "no such route", routes: index } };
      try {
        const input = { body: parse(body), query: url.searchParams };
        const value = await route.handle(input);
        return value === undefined ? { status: 204 } : { status: 200, body: value };
      } catch (error) {
        if (error instanceof ControlError) return { status: error.status, body: { error: error.message } };
        throw error;
      }
    },
  });
}

function parse(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw new ControlError("the body must be JSON");
  }
}
