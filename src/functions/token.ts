import { app, type HttpFunctionOptions } from "@azure/functions";
import { keyhold } from "../composition.ts";
import { tokenHandler } from "../http/issuing-handlers.ts";

/** An access token of the customer tenant in the path (RFC 6749 §4.4, RFC 8693). */
export const token: HttpFunctionOptions = {
  route: "{tenantId}/oauth2/v2.0/token",
  methods: ["POST"],
  authLevel: "anonymous", // the caller proves itself with its own Entra token; a function key is no identity (T19)
  handler: tokenHandler(keyhold.issuing),
};

app.http("token", token);
