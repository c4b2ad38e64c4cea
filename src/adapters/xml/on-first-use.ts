import type { SignXml, VerifyFederationMetadata, VerifyIdpDocument } from "../../domain/metadata/ports.ts";

import { refuse } from "../../domain/shared/result.ts";

/**
 * The XML side of metadata, loaded when the first document is there: a token is issued with the keys that are stored,
 * and a cold start pays for all that is loaded before the first answer.
 */
export const verifyFederationMetadata: VerifyFederationMetadata = async (body) => {
  const loaded = await import("./federation-metadata.ts").catch(() => undefined);
  // The document was not read, so it is rejected: the known one stays, and other documents are handled as usual.
  return loaded?.verifyFederationMetadata(body) ?? refuse({ reason: "verifier_not_loaded" });
};

/** Not loaded, the same. */
export const verifyIdpDocument: VerifyIdpDocument = async (...document) => {
  const loaded = await import("./idp-document.ts").catch(() => undefined);
  return loaded?.verifyIdpDocument(...document) ?? refuse({ reason: "verifier_not_loaded" });
};

/** Rejects before anything is signed where it cannot be loaded. */
export const signXml: SignXml = async (...document) => (await import("./publisher.ts")).signXml(...document);
