import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as cloudModule from "../../../../src/domain/shared/cloud.ts";
import { clientId, contosoId } from "../../../support/fixtures/ids.ts";

const { clouds } = cloudModule;

/** As Microsoft documents them for national clouds. Written out: a test that derived them would prove nothing. */
const documented: Record<cloudModule.CloudName, Omit<cloudModule.Cloud, "name">> = {
  public: {
    authorityHost: "login.microsoftonline.com",
    vaultHostSuffix: ".vault.azure.net",
    storageHostSuffix: ".core.windows.net",
    graphHost: "graph.microsoft.com",
    managementHost: "management.azure.com",
    logsHost: "api.loganalytics.io",
    federationIssuerHost: "sts.windows.net",
    olderAuthorityHosts: [],
    tokenExchangeAudience: "api://AzureADTokenExchange",
  },
  usgovernment: {
    authorityHost: "login.microsoftonline.us",
    vaultHostSuffix: ".vault.usgovcloudapi.net",
    storageHostSuffix: ".core.usgovcloudapi.net",
    graphHost: "graph.microsoft.us",
    managementHost: "management.usgovcloudapi.net",
    logsHost: "api.loganalytics.us",
    federationIssuerHost: "sts.windows.net",
    olderAuthorityHosts: [],
    tokenExchangeAudience: "api://AzureADTokenExchangeUSGov",
  },
  china: {
    authorityHost: "login.partner.microsoftonline.cn",
    vaultHostSuffix: ".vault.azure.cn",
    storageHostSuffix: ".core.chinacloudapi.cn",
    graphHost: "microsoftgraph.chinacloudapi.cn",
    managementHost: "management.chinacloudapi.cn",
    logsHost: "api.loganalytics.azure.cn",
    federationIssuerHost: "sts.chinacloudapi.cn",
    olderAuthorityHosts: ["login.chinacloudapi.cn"],
    tokenExchangeAudience: "api://AzureADTokenExchangeChina",
  },
};

const vaultScopes: Record<cloudModule.CloudName, string> = {
  public: "https://vault.azure.net/.default",
  usgovernment: "https://vault.usgovcloudapi.net/.default",
  china: "https://vault.azure.cn/.default",
};

describe("clouds", () => {
  for (const [name, hosts] of Object.entries(documented)) {
    const cloud = clouds[name as cloudModule.CloudName];
    test(`${name} has its own hosts`, () => {
      assert.deepEqual(cloud, { name, ...hosts });
    });

    test(`${name} has all URLs on its authority, with only the GUIDs inserted`, () => {
      const base = `https://${hosts.authorityHost}/${contosoId}`;
      assert.equal(cloudModule.issuerOf(cloud, contosoId), `${base}/v2.0`);
      assert.equal(cloudModule.tokenEndpointOf(cloud, contosoId), `${base}/oauth2/v2.0/token`);
      assert.equal(cloudModule.authorizationEndpointOf(cloud, contosoId), `${base}/oauth2/v2.0/authorize`);
      assert.equal(cloudModule.jwksUriOf(cloud, contosoId), `${base}/discovery/v2.0/keys`);
      const consent = `${base}/adminconsent?client_id=${clientId}`;
      assert.equal(cloudModule.adminConsentUrlOf(cloud, contosoId, clientId), consent);
    });

    test(`${name} has one scope for all its vaults`, () => {
      assert.equal(cloudModule.vaultScopeOf(cloud), vaultScopes[name as cloudModule.CloudName]);
    });
  }

  test("have one audience for storage", () => {
    assert.equal(cloudModule.storageAudience, "https://storage.azure.com");
  });
});
