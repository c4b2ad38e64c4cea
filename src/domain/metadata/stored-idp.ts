import type { Cloud } from "../shared/cloud.ts";
import type { MetadataSource } from "../shared/metadata-source.ts";
import { expectedEntityId } from "./accept-federation-metadata.ts";
import type { LastKnownGood } from "./last-known-good.ts";
import type { VerifyIdpDocument } from "./ports.ts";

export interface IdpVerification {
  cloud: Cloud;
  verifyIdpDocument: VerifyIdpDocument;
}

/**
 * Whether the publisher signed the stored `idp.xml` for this source, with the validity that is stored beside it;
 * undefined where that cannot be checked now. Its keys must be known from federation metadata, because the document of
 * another application of the same tenant is signed too. Separate from `verifyRecord`, since it loads the XML libraries.
 */
export async function verifiesIdp(
  { idp, federation }: Pick<LastKnownGood, "idp" | "federation">,
  source: MetadataSource,
  publisherDers: readonly string[],
  { cloud, verifyIdpDocument }: IdpVerification,
): Promise<boolean | undefined> {
  if (!idp || !federation) return false;
  const read = await verifyIdpDocument(Buffer.from(idp.body, "base64"), publisherDers);
  if (!read.ok) return read.refusal.reason === "verifier_not_loaded" ? undefined : false;
  const { entityId, validUntilMs, certificates } = read.value;
  const known = new Set([...federation.keys, ...federation.former].map(({ certificate }) => certificate));
  return (
    entityId === expectedEntityId({ cloud, tenant: source.tenant }) &&
    validUntilMs === idp.validUntilMs &&
    certificates.every((certificate) => known.has(certificate))
  );
}
