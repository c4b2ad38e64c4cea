import { app, type HttpFunctionOptions } from "@azure/functions";
import { keyhold } from "../composition.ts";
import { readyHandler } from "../http/health-handlers.ts";

/** Requests can be authorized: there is a policy, and there are keys to verify callers with. */
export const healthReady: HttpFunctionOptions = {
  route: "health/ready",
  methods: ["GET"],
  authLevel: "anonymous", // tells which of two checks failed, nothing more
  handler: readyHandler(keyhold.readiness),
};

app.http("health-ready", healthReady);
