/**
 * Passes a request to its function and the result back. It has no support for CORS, function keys or the authentication
 * of App Service.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { sendEmpty, sendRpcResponse } from "./answers.ts";
import { sendHomePage } from "./home-page.ts";
import { type Target, toRpcRequest, traceContextOf } from "./http-messages.ts";
import type { RequestHandler } from "./listener.ts";
import type { Limits } from "./platform.ts";
import { BodyRefused, readBody } from "./request-body.ts";
import { splitPath } from "./request-path.ts";
import type { Throttle } from "./throttle.ts";
import type { Worker } from "./worker.ts";

interface FunctionHandlerParts {
  scheme: "http" | "https";
  limits: Limits;
  throttle: Throttle;
  /** Resolves to the running worker, or to the next one while that is starting. */
  worker(): Promise<Worker>;
}

/** Answers with the functions of the app, within the limit of concurrent requests. */
export function createFunctionHandler(parts: FunctionHandlerParts): RequestHandler {
  return async (request, response, target) => {
    if (target.path === "/") return sendHomePage(response, process.env.AzureWebJobsDisableHomepage);
    const work = () => answer(parts, request, response, target);
    // Requests under the host's own API are not throttled, even if a function answers them.
    if (splitPath(target.path)[0]?.toLowerCase() === "admin") return work();
    const run = parts.throttle.run(work);
    return run ?? sendEmpty(response, 429, { "X-FUNCTION-SCALEOUT": "1" });
  };
}

async function answer(
  { scheme, limits, worker }: FunctionHandlerParts,
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
): Promise<void> {
  const { router, invoker } = await worker();
  const match = router.match(request.method ?? "GET", target.path);
  if (!match) return sendEmpty(response, 404);
  let body: Buffer | undefined;
  try {
    body = await readBody(request, limits);
  } catch (error) {
    if (!(error instanceof BodyRefused)) throw error;
    response.shouldKeepAlive = false;
    return sendEmpty(response, 500);
  }
  const http = toRpcRequest(request, scheme, target, match.params, body);
  const outcome = await invoker.invoke(match.fn, { http }, traceContextOf(request));
  if (outcome) sendRpcResponse(response, outcome.returnValue);
  else sendEmpty(response, 500);
}
