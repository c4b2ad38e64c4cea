import { app, type HttpFunctionOptions } from "@azure/functions";
import { keyhold } from "../composition.ts";
import { idpMetadataHandler } from "../http/metadata-handlers.ts";

/** Minimal SAML metadata of a tenant, signed by our publisher key. */
export const idpMetadata: HttpFunctionOptions = {
  route: "{tenantId}/federationmetadata/2007-06/idp.xml",
  methods: ["GET"],
  authLevel: "anonymous", // public by its nature
  handler: idpMetadataHandler(keyhold.metadata),
};

app.http("idp-metadata", idpMetadata);
