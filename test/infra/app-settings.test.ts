import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { readConfig, settingNames } from "../../src/config.ts";
import { infra } from "./bicep/seeded-fault.ts";
import { at, show } from "./bicep/value.ts";

/** The settings of the app in Azure are those that it knows; what has a preset has the same one in both places. */
const withoutAPlaceInAzure: Readonly<Record<string, string>> = {
  KEYHOLD_POLICY_FILE: "the policy is a blob",
  KEYHOLD_METADATA_ROOTS_FILE: "the package brings the roots along",
  KEYHOLD_SHARED_CACHE_TABLE_URL: "no parameter yet",
  KEYHOLD_SHARED_CACHE_KEY_ID: "no parameter yet",
  KEYHOLD_SHARED_CACHE_WRAPPED_KEY: "no parameter yet",
  KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID: "no parameter yet",
};

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
const readJson = (file: string) => JSON.parse(read(file));
const main = infra.get("infra/main.bicep");
const functionApp = main?.modules.find(({ symbol }) => symbol === "functionApp")?.body;
const settings = at(functionApp, "params.settings");
const settingsByName = settings?.kind === "object" ? settings.properties : [];
const presetOf = (name: string) => show(main?.params.find((param) => param.name === name)?.preset);

describe("the settings of the app in Azure", () => {
  test("they are every setting that there is, except those that have no place there", () => {
    const names = [...settingsByName.map(({ name }) => name), ...Object.keys(withoutAPlaceInAzure)];
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
      ].map(presetOf),
      [
        `'${presets.callerRole}'`,
        `${presets.ledgerRetentionDays}`,
        `${presets.mints.perMinute}`,
        `${presets.mints.perMinutePerCaller}`,
        `${presets.tokenCache.maxTokens}`,
        `${presets.tokenCache.maxBytes}`,
      ],
    );
  });

  test("of azd's variables, those that begin like settings are settings: the app starts in a shell that has them", () => {
    const { parameters } = readJson("infra/main.parameters.json") as { parameters: Record<string, { value: string }> };
    const inputs = Object.values(parameters).map(({ value }) => /\w+/.exec(value)?.[0] ?? "");
    const names = [...inputs, ...(main?.outputs.map(({ name }) => name) ?? [])];
    const unknown = names.filter((name) => !/^AZURE_/.test(name) && !settingNames.some((each) => each === name));
    assert.deepEqual(unknown, []);
  });

  test("every identity is a different one of the three", () => {
    const ids = settingsByName.filter(({ name }) => name?.endsWith("_IDENTITY_CLIENT_ID"));
    assert.deepEqual(
      ids.map(({ name, value }) => [name, show(value)]),
      ["SIGNING", "MONITORING", "STORAGE"].map((name) => [
        `KEYHOLD_${name}_IDENTITY_CLIENT_ID`,
        `identities.outputs.${name.toLowerCase()}.clientId`,
      ]),
    );
  });

  test("the platform's own settings name identities and no secret", () => {
    const app = infra.get("infra/modules/function-app.bicep");
    const names = [...(app?.code ?? "").matchAll(/^ {4}((?:AzureWebJobs|APPLICATIONINSIGHTS|WEBSITE)\w*):/gm)];
    assert.deepEqual(
      names.map((match) => match[1]),
      [
        "AzureWebJobsDisableHomepage",
        "AzureWebJobsStorage__credential",
        "AzureWebJobsStorage__clientId",
        "AzureWebJobsStorage__blobServiceUri",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
      ],
    );
  });

  test("the platform's own page is off, in Azure and locally", () => {
    const { Values } = readJson("local.settings.sample.json") as { Values: Record<string, string> };
    const app = infra.get("infra/modules/function-app.bicep");
    assert.match(app?.code ?? "", /^ {4}AzureWebJobsDisableHomepage: 'true'$/m);
    assert.equal(Values.AzureWebJobsDisableHomepage, "true");
  });

  test("an instance works on far more requests than those from which on the platform adds another one", () => {
    const { extensions } = readJson("host.json") as { extensions: { http: Record<string, number> } };
    const { maxConcurrentRequests = 0, maxOutstandingRequests = 0 } = extensions.http;
    assert.ok(
      Math.min(maxConcurrentRequests, maxOutstandingRequests) >= 10 * Number(presetOf("perInstanceConcurrency")),
    );
  });

  test("it runs on the version of Node.js that it is built for", () => {
    const app = infra.get("infra/modules/function-app.bicep")?.resources.find(({ symbol }) => symbol === "app");
    const version = show(at(app?.body, "properties.functionAppConfig.runtime.version"));
    assert.equal(version, `'${read(".node-version").split(".")[0]}'`);
  });
});
