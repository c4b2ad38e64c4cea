import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { readConfig, settingNames } from "../../src/config.ts";
import { outputOf, template, theResource } from "./templates.ts";

/** The settings of the app in Azure are those that it knows; what has a preset has the same one in both places. */
const withoutAPlaceInAzure: Readonly<Record<string, string>> = {
  KEYHOLD_POLICY_FILE: "the policy is a blob",
  KEYHOLD_METADATA_ROOTS_FILE: "the package brings the roots along",
};

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
const readJson = (file: string) => JSON.parse(read(file));
const settings: Record<string, string> = theResource("Microsoft.Web/sites/config", "appsettings").properties;
const own = Object.entries(settings).filter(([name]) => name.startsWith("KEYHOLD_"));
const app = theResource("Microsoft.Web/sites").properties;
const defaultOf = (name: string) => template.parameters[name]?.defaultValue;

describe("the settings of the app in Azure", () => {
  test("they are every setting that there is, except those that have no place there", () => {
    const names = [...own.map(([name]) => name), ...Object.keys(withoutAPlaceInAzure)];
    assert.deepEqual(names.sort(), [...settingNames].sort());
  });

  test("those without a place there are settings of ours", () => {
    for (const name of Object.keys(withoutAPlaceInAzure))
      assert.ok(
        settingNames.some((each) => each === name),
        name,
      );
  });

  test("what can be chosen has the preset of the app", () => {
    const { Values } = readJson("local.settings.sample.json") as { Values: Record<string, string> };
    const presets = readConfig(
      Object.fromEntries(Object.entries(Values).filter(([name]) => !/MINTS|CACHE|ROLE|RETENTION/.test(name))),
    );
    assert.deepEqual(
      [
        "callerRole",
        "ledgerRetentionDays",
        "mintsPerMinute",
        "mintsPerMinutePerCaller",
        "cacheMaxTokens",
        "cacheMaxBytes",
      ].map(defaultOf),
      [
        presets.callerRole,
        presets.ledgerRetentionDays,
        presets.mints.perMinute,
        presets.mints.perMinutePerCaller,
        presets.tokenCache.maxTokens,
        presets.tokenCache.maxBytes,
      ],
    );
  });

  test("of azd's variables, those that begin like settings are settings: the app starts in a shell that has them", () => {
    const { parameters } = readJson("infra/main.parameters.json") as { parameters: Record<string, { value: string }> };
    const inputs = Object.values(parameters).map(({ value }) => /\w+/.exec(value)?.[0] ?? "");
    const names = [...inputs, ...Object.keys(template.outputs)];
    const unknown = names.filter((name) => !/^AZURE_/.test(name) && !settingNames.some((each) => each === name));
    assert.deepEqual(unknown, []);
  });

  test("every identity is a different one of the four", () => {
    const ids = own.filter(([name]) => name.endsWith("_IDENTITY_CLIENT_ID"));
    assert.deepEqual(ids.map(([name, value]) => [name, outputOf(value)]).sort(), [
      ["KEYHOLD_MONITORING_IDENTITY_CLIENT_ID", "identities.monitoring.clientId"],
      ["KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID", "identities.sharedCache.clientId"],
      ["KEYHOLD_SIGNING_IDENTITY_CLIENT_ID", "identities.signing.clientId"],
      ["KEYHOLD_STORAGE_IDENTITY_CLIENT_ID", "identities.storage.clientId"],
    ]);
  });

  test("the platform's own settings name identities and no secret", () => {
    const names = Object.keys(settings).filter((name) => !name.startsWith("KEYHOLD_"));
    assert.deepEqual(names, [
      "AzureWebJobsDisableHomepage",
      "AzureWebJobsStorage__credential",
      "AzureWebJobsStorage__clientId",
      "AzureWebJobsStorage__blobServiceUri",
      "APPLICATIONINSIGHTS_CONNECTION_STRING",
      "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    ]);
  });

  test("the platform's own page is off, in Azure and locally", () => {
    const { Values } = readJson("local.settings.sample.json") as { Values: Record<string, string> };
    assert.equal(settings.AzureWebJobsDisableHomepage, "true");
    assert.equal(Values.AzureWebJobsDisableHomepage, "true");
  });

  test("who gets the alerts is asked for", () => {
    const { alertEmails } = template.parameters;
    assert.deepEqual([alertEmails?.minLength, alertEmails?.defaultValue], [1, undefined]);
    const { parameters } = readJson("infra/main.parameters.json");
    assert.match(parameters.alertEmails.value, /^\$\{AZURE_ALERT_EMAILS\}$/);
  });

  test("the vault says which size its keys should have, for doctor to compare", () => {
    assert.equal(theResource("Microsoft.KeyVault/vaults").tags?.["keyhold-key-size"], `${defaultOf("keySize")}`);
  });

  test("an instance works on far more requests than those from which on the platform adds another one", () => {
    const { extensions } = readJson("host.json") as { extensions: { http: Record<string, number> } };
    const { maxConcurrentRequests = 0, maxOutstandingRequests = 0 } = extensions.http;
    assert.ok(
      Math.min(maxConcurrentRequests, maxOutstandingRequests) >= 10 * Number(defaultOf("perInstanceConcurrency")),
    );
    assert.equal(settings.KEYHOLD_MAX_REQUESTS_IN_FLIGHT, `${10 * Number(defaultOf("perInstanceConcurrency"))}`);
  });

  test("it runs on the version of Node.js that it is built for", () => {
    assert.equal(app.functionAppConfig.runtime.version, read(".node-version").split(".")[0]);
  });
});
