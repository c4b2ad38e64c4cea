/** The names and the URLs of a source. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { metadataUrls, sourceName } from "../../../../src/domain/shared/metadata-source.ts";
import { clientId, contosoId } from "../../../support/fixtures/ids.ts";

const base = `https://login.microsoftonline.com/${contosoId}`;
const paths = {
  federation: "/federationmetadata/2007-06/federationmetadata.xml",
  discovery: "/v2.0/.well-known/openid-configuration",
  jwks: "/discovery/v2.0/keys",
};
const urlsWith = (query: string) =>
  Object.fromEntries(Object.entries(paths).map(([document, path]) => [document, `${base}${path}${query}`]));

describe("a tenant", () => {
  const source = { tenant: contosoId };

  test("is named by its id alone", () => {
    assert.equal(sourceName(source), contosoId);
  });

  test("has its three documents at its authority, without a query", () => {
    assert.deepEqual(metadataUrls(clouds.public, source), urlsWith(""));
  });
});

describe("an application of a tenant", () => {
  const source = { tenant: contosoId, appId: clientId };

  test("is named by both ids", () => {
    assert.equal(sourceName(source), `${contosoId}.${clientId}`);
  });

  test("has documents of its own, which the query asks for", () => {
    assert.deepEqual(metadataUrls(clouds.public, source), urlsWith(`?appid=${clientId}`));
  });
});
