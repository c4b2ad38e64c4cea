import { app, type HttpFunctionOptions } from "@azure/functions";
import { keyhold } from "../composition.ts";
import { federationMetadataHandler } from "../http/metadata-handlers.ts";

/** The verified federation metadata of a tenant, byte for byte. */
export const federationMetadata: HttpFunctionOptions = {
  route: "{tenantId}/federationmetadata/2007-06/federationmetadata.xml",
  methods: ["GET"],
  authLevel: "anonymous", // public by its nature
  handler: federationMetadataHandler(keyhold.metadata),
};

app.http("federation-metadata", federationMetadata);
