import { app, type HttpFunctionOptions } from "@azure/functions";
import { liveHandler } from "../http/health-handlers.ts";

/** The process answers. */
export const healthLive: HttpFunctionOptions = {
  route: "health/live",
  methods: ["GET"],
  authLevel: "anonymous", // tells nothing
  handler: liveHandler(),
};

app.http("health-live", healthLive);
