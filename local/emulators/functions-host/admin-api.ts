/**
 * The part of the host's own API that a developer needs: the list of functions, the state of the host, and running a
 * function that has no HTTP trigger. It checks no master key. `?wait=true` is an addition of this host.
 */
import type { ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { sendEmpty, sendText } from "./answers.ts";
import type { App } from "./core-api.ts";
import type { RequestHandler } from "./listener.ts";
import { splitPath } from "./request-path.ts";
import type { Router } from "./routes.ts";
import { resolveSettings } from "./timers.ts";
import type { Worker } from "./worker.ts";

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

/** Passes a request outside this API to `next`, as the real host does: /admin/assertion reaches the app. */
export function createAdminHandler(parts: {
  worker(): Promise<Worker>;
  summaries: FunctionSummary[];
  next: RequestHandler;
}): RequestHandler {
  const { summaries, next } = parts;

  async function start(name: string, body: Buffer): Promise<boolean> {
    const { app, invoker, timers } = await parts.worker();
    const timerRun = timers.run(name);
    if (timerRun) return timerRun;
    const fn = app.functions.get(name);
    return fn !== undefined && (await invoker.invoke(fn, { string: inputOf(body) })) !== undefined;
  }

  return async (request, response, target) => {
    const [root, area, name, ...more] = splitPath(target.path.toLowerCase());
    const known = area === "functions" || (area === "host" && name === "status");
    if (root !== "admin" || !known || more.length > 0) return next(request, response, target);
    if (area === "host") return sendJson(response, { state: "Running" });
    if (request.method === "GET" && !name) return sendJson(response, summaries);
    const summary = summaries.find((candidate) => candidate.name.toLowerCase() === name);
    if (request.method === "GET" && summary) return sendJson(response, summary);
    if (request.method !== "POST" || !summary) return sendEmpty(response, 404);
    if (summary.route !== undefined) return sendEmpty(response, 400);
    const run = start(summary.name, await buffer(request));
    if (new URLSearchParams(target.search).get("wait") !== "true") return sendEmpty(response, 202);
    sendEmpty(response, (await run) ? 200 : 500);
  };
}

/** The host passes on the member `input` of a JSON body. Any other body counts as no input. */
function inputOf(body: Buffer): string {
  try {
    const { input } = JSON.parse(body.toString()) as { input?: unknown };
    return typeof input === "string" ? input : "";
  } catch {
    return "";
  }
}

function sendJson(response: ServerResponse, value: unknown): void {
  sendText(response, "application/json; charset=utf-8", JSON.stringify(value));
}
