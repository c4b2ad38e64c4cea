import { app, type HttpFunctionOptions } from "@azure/functions";
import { keyhold } from "../composition.ts";
import { discoveryHandler } from "../http/discovery-handler.ts";

/** Discovery, so that an SDK can use Keyhold as its authority (OpenID Connect Discovery §4). */
export const openidConfiguration: HttpFunctionOptions = {
  route: "{tenantId}/v2.0/.well-known/openid-configuration",
  methods: ["GET"],
  authLevel: "anonymous", // public by its nature
  handler: discoveryHandler(keyhold.discovery),
};

app.http("openid-configuration", openidConfiguration);
