/**
 * A node-saml service provider whose identity provider is the file that keyhold-mellon-update keeps. Neither node-saml nor
 * passport-saml-metadata checks a metadata document (docs/use/relying-parties.md), so the updater does.
 */
import { readFileSync } from "node:fs";
import { SAML, type SamlConfig } from "@node-saml/node-saml";
import { MetadataReader, toPassportConfig } from "passport-saml-metadata";

/**
 * For one request, with all keys of the file. `own` is the service provider's part, with a `cacheProvider` of its own
 * where `validateInResponseTo` is set: the default one would be forgotten with this object.
 */
export function keyholdSaml(metadataFile: string, own: Omit<SamlConfig, "entryPoint" | "idpCert">): SAML {
  const reader = new MetadataReader(readFileSync(metadataFile, "utf8"));
  // Without multipleCerts only one of the two keys of a rollover is read.
  const { entryPoint, idpCert } = toPassportConfig(reader, { multipleCerts: true });
  // Entra signs the assertion, and by default not the response around it.
  return new SAML({ ...own, entryPoint, idpCert, wantAssertionsSigned: true, wantAuthnResponseSigned: false });
}
