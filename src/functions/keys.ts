import { app, type HttpFunctionOptions } from "@azure/functions";
import { keyhold } from "../composition.ts";
import { keysHandler } from "../http/metadata-handlers.ts";

/** The verified key set of a tenant, last-known-good (RFC 7517). */
export const keys: HttpFunctionOptions = {
  route: "{tenantId}/discovery/v2.0/keys",
  methods: ["GET"],
  authLevel: "anonymous", // public by its nature
  handler: keysHandler(keyhold.metadata),
};

app.http("keys", keys);
