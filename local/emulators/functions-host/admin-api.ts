/**
 * The part of the host's own API that a developer needs: the list of the functions, the state of the host, and running
 * a function that has no HTTP trigger. It checks no master key. `?wait=true` is this host's own addition.
 */
import type { ServerResponse } from "node:http";
import type { App } from "./core-api.ts";
import { sendEmpty } from "./http-messages.ts";
import { type RequestHandler, readBody } from "./http-server.ts";
import type { Invoker } from "./invoke.ts";
import type { Router } from "./routes.ts";
import { resolveSettings, type Timers } from "./timers.ts";

interface FunctionSummary {
  name: string;
  trigger: string;
  /** The whole path. */
  route?: string;
  methods?: string[];
  schedule?: string;
}

export function summarise(app: App, router: Router): FunctionSummary[] {
  return [...app.functions.values()].map((fn) => {
    const { type, schedule } = fn.trigger.binding;
    const route = router.routes.find((candidate) => candidate.fn === fn);
    return {
      name: fn.metadata.name,
      trigger: type,
      ...(route && { route: `/${route.template}`, methods: [...route.methods] }),
      ...(schedule !== undefined && { schedule: resolveSettings(schedule) }),
    };
  });
}

/** Passes everything outside /admin on to `next`. */
export function createAdminHandler(parts: {
  app: App;
  invoker: Invoker;
  timers: Timers;
  summaries: FunctionSummary[];
  next: RequestHandler;
}): RequestHandler {
  const { app, invoker, timers, summaries, next } = parts;

  async function start(name: string, body: Buffer): Promise<boolean> {
    const timerRun = timers.run(name);
    if (timerRun) return timerRun;
    const fn = app.functions.get(name);
    return fn !== undefined && (await invoker.invoke(fn, { string: inputOf(body) })) !== undefined;
  }

  return async (request, response, target) => {
    if (!/^\/admin\//i.test(target.path)) return next(request, response, target);
    const [, , area, name, ...more] = target.path.toLowerCase().split("/");
    if (request.method === "GET" && area === "host" && name === "status")
      return sendJson(response, { state: "Running" });
    if (area !== "functions" || more.length > 0) return sendEmpty(response, 404);
    if (request.method === "GET" && !name) return sendJson(response, summaries);
    const summary = summaries.find((candidate) => candidate.name.toLowerCase() === name);
    if (request.method === "GET" && summary) return sendJson(response, summary);
    if (request.method !== "POST" || !summary) return sendEmpty(response, 404);
    if (summary.route !== undefined) return sendEmpty(response, 400);
    const run = start(summary.name, await readBody(request));
    if (new URLSearchParams(target.search).get("wait") !== "true") return sendEmpty(response, 202);
    sendEmpty(response, (await run) ? 200 : 500);
  };
}

/** The host passes on the member `input` of a JSON body; anything else counts as no input. */
function inputOf(body: Buffer): string {
  try {
    const { input } = JSON.parse(body.toString()) as { input?: unknown };
    return typeof input === "string" ? input : "";
  } catch {
    return "";
  }
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(value));
}
