/**
 * The local console: one page on loopback that shows what the stack does and lets a newcomer try things. It is a
 * development tool with the rights of the user who started it. It is never deployed, and the product does not depend on
 * it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Stack } from "../stack/stack.ts";
import { actions } from "./actions/actions.ts";
import { type Asset, buildPage } from "./build.ts";
import { refusalOf, securityHeaders } from "./guard.ts";
import { createLive } from "./live.ts";
import { readRunbook } from "./runbook.ts";
import { createRunner, type Runner } from "./runner.ts";
import type { StackState } from "./snapshot.ts";
import { judgedYear } from "./year.ts";

export interface LocalConsole {
  url: string;
  /** Reports that a part of the stack is starting. */
  progress(what: string): void;
  /** From now on the page shows this stack. */
  attach(stack: Stack): Promise<void>;
  fail(problem: string): void;
  stop(): Promise<void>;
}

const maxBodyBytes = 16_384;

export async function startConsole(port: number): Promise<LocalConsole> {
  const live = createLive();
  const startedMs = Date.now();
  let stepMs = startedMs;
  let state: StackState = { phase: "starting", steps: [], services: {} };
  let runner: Runner | undefined;
  let stopWatching: (() => void) | undefined;
  const show = (change: Partial<StackState>) => {
    state = { ...state, ...change };
    live.set("stack", state);
  };
  const endStep = () => {
    const steps = state.steps.map((step) =>
      step.tookMs === undefined ? { ...step, tookMs: Date.now() - stepMs } : step,
    );
    stepMs = Date.now();
    return steps;
  };
  show({});
  const assets = await buildPage();
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: error instanceof Error ? error.message : "it failed" });
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    const refusal = refusalOf(request, port);
    if (refusal) return sendJson(response, refusal.status, { error: refusal.error });
    const url = new URL(request.url ?? "/", "http://localhost");
    if (request.method === "POST") return act(url.pathname, request, response);
    const asset = assets.get(url.pathname);
    if (asset) return sendAsset(request, response, asset);
    if (url.pathname === "/events") return live.follow(response);
    if (url.pathname === "/runbook") return sendJson(response, 200, await readRunbook());
    if (url.pathname === "/year") return sendJson(response, 200, await judgedYear(url.searchParams.get("key") ?? ""));
    sendJson(response, 404, { error: "there is no such page" });
  }

  async function act(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = /^\/actions\/([a-z-]{1,40})$/.exec(path)?.[1] ?? "";
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (!action) return sendJson(response, 404, { error: "there is no such action" });
    if (!runner) return sendJson(response, 503, { error: "the stack is not up yet" });
    const input = action.input.safeParse(await readJson(request));
    if (!input.success)
      return sendJson(response, 400, { error: input.error.issues[0]?.message ?? "not the right input" });
    const started = runner.start(name, action, input.data);
    if ("id" in started) return sendJson(response, 202, { run: started.id });
    const { id, title } = started.blockedBy;
    sendJson(response, 409, { error: `"${title}" is running and has to end first`, blockedBy: id });
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://localhost:${port}`,
    progress: (what) => show({ steps: [...endStep(), { what }] }),
    async attach(stack) {
      const { watchStack } = await import("./watch/watch-stack.ts");
      const watching = await watchStack(stack, live, startedMs, (services) => show({ services }));
      stopWatching = watching.stop;
      runner = createRunner(stack, live, watching);
      const { functions, controlUrl } = stack;
      show({ phase: "up", steps: endStep(), keyhold: functions.httpsUrl, control: controlUrl });
    },
    fail: (problem) => show({ phase: "failed", problem: problem.slice(0, 2000) }),
    async stop() {
      if (state.phase !== "failed") show({ phase: "stopping" });
      stopWatching?.();
      runner?.stop();
      live.stop();
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeIdleConnections();
        // Leaves time to send the last messages.
        setTimeout(() => server.closeAllConnections(), 200);
      });
    },
  };
}

function sendAsset(request: IncomingMessage, response: ServerResponse, { type, body, etag }: Asset): void {
  const headers = { "content-type": type, etag, "cache-control": "no-cache" };
  if (request.headers["if-none-match"] === etag) response.writeHead(304, headers).end();
  else response.writeHead(200, headers).end(body);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" });
  response.end(JSON.stringify(value));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return undefined;
  }
}
