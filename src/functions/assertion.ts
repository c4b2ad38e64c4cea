import { app, type HttpFunctionOptions } from "@azure/functions";
import { keyhold } from "../composition.ts";
import { assertionHandler } from "../http/issuing-handlers.ts";

/** A signed client assertion, for callers whose grant says so (RFC 7523 §2.2). */
export const assertion: HttpFunctionOptions = {
  route: "{tenantId}/assertion",
  methods: ["POST"],
  authLevel: "anonymous", // the caller proves itself with its own Entra token; a function key is no identity (T19)
  handler: assertionHandler(keyhold.issuing),
};

app.http("assertion", assertion);
