import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as cloudModule from "../../../../src/domain/shared/cloud.ts";
import { clientId, contosoId } from "../../../support/fixtures/ids.ts";

const { clouds } = cloudModule;

/** Hosts as Microsoft documents them for national clouds. Written out: a test that derived them would prove nothing. */
const hosts = {
  public: ["login.microsoftonline.com", ".vault.azure.net", ".core.windows.net", "graph.microsoft.com"],
  usgovernment: [
    "login.microsoftonline.us",
    ".vault.usgovcloudapi.net",
    ".core.usgovcloudapi.net",
    "graph.microsoft.us",
  ],
  china: [
    "login.partner.microsoftonline.cn",
    ".vault.azure.cn",
    ".core.chinacloudapi.cn",
    "microsoftgraph.chinacloudapi.cn",
  ],
} as const satisfies Record<cloudModule.CloudName, readonly string[]>;

const exchangeAudiences = {
  public: "api://AzureADTokenExchange",
  usgovernment: "api://AzureADTokenExchangeUSGov",
  china: "api://AzureADTokenExchangeChina",
};

describe("clouds", () => {
  for (const [name, [authority, vault, storage, graphHost]] of Object.entries(hosts)) {
    const cloud = clouds[name as cloudModule.CloudName];
    test(`${name} has its own hosts`, () => {
      const suffixes = { vaultHostSuffix: vault, storageHostSuffix: storage };
      const tokenExchangeAudience = exchangeAudiences[cloud.name];
      assert.deepEqual(cloud, { name, authorityHost: authority, ...suffixes, graphHost, tokenExchangeAudience });
    });

    test(`${name} has all URLs on its authority, with the GUIDs and nothing else`, () => {
      const base = `https://${authority}/${contosoId}`;
      assert.equal(cloudModule.issuerOf(cloud, contosoId), `${base}/v2.0`);
      assert.equal(cloudModule.tokenEndpointOf(cloud, contosoId), `${base}/oauth2/v2.0/token`);
      assert.equal(cloudModule.authorizationEndpointOf(cloud, contosoId), `${base}/oauth2/v2.0/authorize`);
      assert.equal(cloudModule.jwksUriOf(cloud, contosoId), `${base}/discovery/v2.0/keys`);
      const consent = `${base}/adminconsent?client_id=${clientId}`;
      assert.equal(cloudModule.adminConsentUrlOf(cloud, contosoId, clientId), consent);
    });
  }
});
