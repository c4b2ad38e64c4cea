import type { SignXml, VerifyFederationMetadata, VerifyIdpDocument } from "../../domain/metadata/ports.ts";

import { refuse } from "../../domain/shared/result.ts";

/**
 * The XML verifier, loaded with the first document. Tokens are issued with the stored keys, and everything that is
 * loaded before the first answer makes a cold start slower.
 */
export const verifyFederationMetadata: VerifyFederationMetadata = async (body) => {
  const loaded = await import("./federation-metadata.ts").catch(() => undefined);
  // The verifier could not be loaded, so the document is rejected. The known one stays, and other documents are handled
  // as usual.
  return loaded?.verifyFederationMetadata(body) ?? refuse({ reason: "verifier_not_loaded" });
};

/** As above: if it cannot be loaded, the document is rejected. */
export const verifyIdpDocument: VerifyIdpDocument = async (...document) => {
  const loaded = await import("./idp-document.ts").catch(() => undefined);
  return loaded?.verifyIdpDocument(...document) ?? refuse({ reason: "verifier_not_loaded" });
};

/** If it cannot be loaded, it rejects before anything is signed. */
export const signXml: SignXml = async (...document) => (await import("./publisher.ts")).signXml(...document);
