/**
 * The identity provider of a samlify service provider, from the file that keyhold-mellon-update keeps. samlify checks no
 * metadata document (docs/use/relying-parties.md), so the updater does.
 */
import { readFileSync } from "node:fs";
import samlify from "samlify";

/** For one request, with all keys of the file. */
export function keyholdIdentityProvider(metadataFile: string) {
  return samlify.IdentityProvider({ metadata: readFileSync(metadataFile, "utf8") });
}
