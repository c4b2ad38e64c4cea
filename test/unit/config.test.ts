/** The settings: every problem at once, with the variable, the rule and the remedy, and never the value. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConfigurationError, isOnPlatform, readConfig, readDeploymentOutputs, settingNames } from "../../src/config.ts";
import { clouds } from "../../src/domain/shared/cloud.ts";
import { audience, homeTenantId } from "../support/fixtures/ids.ts";
import {
  type Env,
  monitoringId,
  signingId,
  signingObjectId,
  storageId,
  validEnv,
  workspaceId,
} from "../support/fixtures/settings.ts";

function problemsOf(change: Env): readonly string[] {
  try {
    readConfig({ ...validEnv(), ...change });
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    for (const problem of error.problems) assert.ok(error.message.includes(problem));
    return error.problems;
  }
}

describe("valid settings", () => {
  test("are read, with documented presets for the rest", () => {
    const { instance, ...config } = readConfig(validEnv());
    assert.equal(instance, `process-${process.pid}`);
    assert.deepEqual(config, {
      cloud: clouds.public,
      homeTenantId,
      audience,
      callerRole: "Tokens.Issue",
      publicUrl: "https://keyhold.example.com",
      policy: { blobUrl: "https://account.blob.core.windows.net/policy/policy.json" },
      ledgerTableUrl: "https://account.table.core.windows.net/ledger",
      applicationInsightsConnectionString: undefined,
      ledgerRetentionDays: 400,
      auditTableUrl: "https://account.table.core.windows.net/audit",
      logWorkspaceId: workspaceId,
      vaultResourceId: undefined,
      monitoringIdentityClientId: monitoringId,
      signingIdentityObjectId: signingObjectId,
      metadataContainerUrl: "https://account.blob.core.windows.net/metadata",
      metadataRootsFile: undefined,
      signingIdentityClientId: signingId,
      storageIdentityClientId: storageId,
      mints: { perMinute: 1200, perMinutePerCaller: 300 },
      maxRequestsInFlight: 1_000,
      tokenCache: { maxTokens: 20_000, maxBytes: 134_217_728 },
      sharedCache: undefined,
      identityEndpoint: undefined,
      telemetry: { cachedAnswersShare: 1, liveMetrics: false, standardMetrics: false },
    });
  });

  test("cannot be changed afterwards", () => assert.ok(Object.isFrozen(readConfig(validEnv()))));

  test("may all be set", () => {
    const config = readConfig({
      ...validEnv(),
      KEYHOLD_CLOUD: "public",
      KEYHOLD_CALLER_ROLE: " Mint.All ",
      KEYHOLD_POLICY_BLOB_URL: undefined,
      KEYHOLD_POLICY_FILE: "/etc/keyhold/policy.json",
      KEYHOLD_MINTS_PER_MINUTE: "60000",
      KEYHOLD_MINTS_PER_MINUTE_PER_CALLER: "1",
      KEYHOLD_CACHE_MAX_TOKENS: "1",
      KEYHOLD_CACHE_MAX_BYTES: "1048576",
      WEBSITE_INSTANCE_ID: "0123456789abcdef0123456789abcdef",
    });
    assert.deepEqual(
      [config.callerRole, config.policy, config.mints, config.tokenCache, config.instance],
      [
        "Mint.All",
        { file: "/etc/keyhold/policy.json" },
        { perMinute: 60_000, perMinutePerCaller: 1 },
        { maxTokens: 1, maxBytes: 1_048_576 },
        "0123456789abcdef",
      ],
    );
  });

  test("take GUIDs in capitals and empty optional settings", () => {
    const env = {
      KEYHOLD_HOME_TENANT_ID: homeTenantId.toUpperCase(),
      KEYHOLD_CLOUD: "",
      KEYHOLD_MINTS_PER_MINUTE: " ",
      WEBSITE_INSTANCE_ID: "",
    };
    const config = readConfig({ ...validEnv(), ...env });
    assert.equal(config.instance, `process-${process.pid}`, "an empty name would be in no User-Agent");
    assert.deepEqual([config.homeTenantId, config.cloud, config.mints.perMinute], [homeTenantId, clouds.public, 1200]);
  });

  test("have the platform's name of the app where there is no address of ours", () => {
    const env = { KEYHOLD_PUBLIC_URL: undefined, WEBSITE_HOSTNAME: "keyhold.azurewebsites.net" };
    assert.equal(readConfig({ ...validEnv(), ...env }).publicUrl, "https://keyhold.azurewebsites.net");
  });

  for (const cloud of Object.values(clouds)) {
    test(`name storage of their own cloud only (${cloud.name})`, () => {
      for (const other of Object.values(clouds)) {
        const env = {
          KEYHOLD_CLOUD: cloud.name,
          KEYHOLD_POLICY_BLOB_URL: `https://account.blob${other.storageHostSuffix}/policy/policy.json`,
          KEYHOLD_LEDGER_TABLE_URL: `https://account.table${other.storageHostSuffix}/ledger`,
          KEYHOLD_AUDIT_TABLE_URL: `https://account.table${other.storageHostSuffix}/audit`,
          KEYHOLD_METADATA_CONTAINER_URL: `https://account.blob${other.storageHostSuffix}/metadata`,
        };
        assert.equal(problemsOf(env).length, cloud === other ? 0 : 4);
      }
    });
  }
});

describe("a count is allowed from its least to its most, and not one beyond", () => {
  const limits = {
    KEYHOLD_LEDGER_RETENTION_DAYS: [30, 3_650],
    KEYHOLD_MINTS_PER_MINUTE: [1, 60_000],
    KEYHOLD_MINTS_PER_MINUTE_PER_CALLER: [1, 60_000],
    KEYHOLD_MAX_REQUESTS_IN_FLIGHT: [10, 4_000],
    KEYHOLD_CACHE_MAX_TOKENS: [1, 1_000_000],
    KEYHOLD_CACHE_MAX_BYTES: [1_048_576, 1_073_741_824],
  } as const;
  for (const [name, [least, most]] of Object.entries(limits)) {
    test(name, () => {
      for (const value of [least, most]) assert.deepEqual(problemsOf({ [name]: `${value}` }), []);
      for (const value of [least - 1, most + 1]) assert.equal(problemsOf({ [name]: `${value}` }).length, 1, `${value}`);
    });
  }
});

const secret = "CANARYsecret";
const broken: [name: string, value: string | undefined, rule: RegExp][] = [
  ["KEYHOLD_CLOUD", `${secret}`, /one of public, usgovernment, china/],
  ["KEYHOLD_CLOUD", "constructor", /one of public/],
  ["KEYHOLD_HOME_TENANT_ID", undefined, /GUID/],
  ["KEYHOLD_HOME_TENANT_ID", `${secret}.onmicrosoft.com`, /GUID/],
  ["KEYHOLD_AUDIENCE", `api://${audience}`, /GUID/],
  ["KEYHOLD_SIGNING_IDENTITY_CLIENT_ID", secret, /GUID/],
  ["KEYHOLD_STORAGE_IDENTITY_CLIENT_ID", "", /GUID/],
  ["KEYHOLD_PUBLIC_URL", undefined, /https origin/],
  ["KEYHOLD_PUBLIC_URL", `http://${secret}.example`, /https origin/],
  ["KEYHOLD_PUBLIC_URL", `https://keyhold.example.com/${secret}`, /https origin/],
  ["KEYHOLD_PUBLIC_URL", `https://keyhold.example.com?${secret}`, /https origin/],
  ["KEYHOLD_PUBLIC_URL", `https://${secret}@keyhold.example.com`, /https origin/],
  ["KEYHOLD_POLICY_BLOB_URL", undefined, /must be set/],
  ["KEYHOLD_POLICY_BLOB_URL", `https://${secret}.example/policy/policy.json`, /storage URL/],
  ["KEYHOLD_POLICY_BLOB_URL", "http://account.blob.core.windows.net/policy/policy.json", /storage URL/],
  ["KEYHOLD_POLICY_BLOB_URL", "https://account.blob.core.windows.net/policy", /storage URL/],
  ["KEYHOLD_POLICY_BLOB_URL", "https://account.blob.core.windows.net.evil.example/policy/policy.json", /storage URL/],
  ["KEYHOLD_POLICY_BLOB_URL", `https://account.blob.core.windows.net/policy/policy.json?sig=${secret}`, /storage URL/],
  ["KEYHOLD_POLICY_BLOB_URL", `https://${secret}@account.blob.core.windows.net/policy/policy.json`, /storage URL/],
  ["KEYHOLD_LEDGER_TABLE_URL", undefined, /storage URL/],
  ["KEYHOLD_LEDGER_TABLE_URL", "https://account.blob.core.windows.net/ledger", /storage URL/],
  ["KEYHOLD_LEDGER_TABLE_URL", "https://account.table.core.windows.net:444/ledger", /storage URL/],
  ["KEYHOLD_LEDGER_TABLE_URL", "https://account.table.core.windows.net/ledger/x", /storage URL/],
  ["KEYHOLD_LEDGER_TABLE_URL", `https://account.table.core.windows.net/ledger?sig=${secret}`, /storage URL/],
  ["KEYHOLD_LEDGER_TABLE_URL", `https://account.table.core.windows.net/ledger#${secret}`, /storage URL/],
  ["KEYHOLD_LEDGER_TABLE_URL", `https://u:${secret}@account.table.core.windows.net/ledger`, /storage URL/],
  ["KEYHOLD_LEDGER_TABLE_URL", "https://account.table.core.windows.net/x/../ledger", /storage URL/],
  ["KEYHOLD_AUDIT_TABLE_URL", undefined, /storage URL/],
  ["KEYHOLD_LOG_WORKSPACE_ID", undefined, /GUID/],
  ["KEYHOLD_MONITORING_IDENTITY_CLIENT_ID", secret, /GUID/],
  ["KEYHOLD_SIGNING_IDENTITY_OBJECT_ID", secret, /GUID/],
  ["KEYHOLD_METADATA_CONTAINER_URL", undefined, /storage URL/],
  ["KEYHOLD_METADATA_CONTAINER_URL", "https://account.blob.core.windows.net/metadata/x", /storage URL/],
  ["KEYHOLD_METADATA_CONTAINER_URL", "https://account.table.core.windows.net/metadata", /storage URL/],
  ["KEYHOLD_METADATA_CONTAINER_URL", `https://account.blob.core.windows.net/metadata?sig=${secret}`, /storage URL/],
  ["KEYHOLD_MINTS_PER_MINUTE", "0", /1 to 60000/],
  ["KEYHOLD_MINTS_PER_MINUTE", "60001", /1 to 60000/],
  ["KEYHOLD_MINTS_PER_MINUTE_PER_CALLER", "-1", /1 to 60000/],
  ["KEYHOLD_MINTS_PER_MINUTE_PER_CALLER", "1.5", /whole number/],
  ["KEYHOLD_CACHE_MAX_TOKENS", "1e3", /whole number/],
  ["KEYHOLD_CACHE_MAX_TOKENS", secret, /whole number/],
  ["KEYHOLD_CACHE_MAX_BYTES", "1024", /1048576 to/],
  ["KEYHOLD_TELEMETRY_CACHED_ANSWERS_PERCENT", "0", /1 to 100/],
  ["KEYHOLD_TELEMETRY_LIVE_METRICS", "yes", /true or false/],
];

describe("the settings of the shared cache", () => {
  const complete = {
    KEYHOLD_SHARED_CACHE_TABLE_URL: "https://account.table.core.windows.net/tokens",
    KEYHOLD_SHARED_CACHE_KEY_ID: `https://contoso.vault.azure.net/keys/shared-cache/${"a".repeat(32)}`,
    KEYHOLD_SHARED_CACHE_WRAPPED_KEY: Buffer.alloc(256, 7).toString("base64url"),
    KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID: "00000000-0000-4000-8000-00000000000f",
  };

  test("are read together", () => {
    const { sharedCache } = readConfig({ ...validEnv(), ...complete });
    assert.equal(sharedCache?.tableUrl, complete.KEYHOLD_SHARED_CACHE_TABLE_URL);
    assert.equal(sharedCache?.wrappedKey.length, 256);
  });

  const wrong: Record<keyof typeof complete, string> = {
    KEYHOLD_SHARED_CACHE_TABLE_URL: "https://account.blob.core.windows.net/tokens",
    KEYHOLD_SHARED_CACHE_KEY_ID: `https://contoso.vault.azure.net.evil.example/keys/shared-cache/${"a".repeat(32)}`,
    KEYHOLD_SHARED_CACHE_WRAPPED_KEY: Buffer.alloc(32, 7).toString("base64url"),
    KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID: signingId,
  };
  for (const name of Object.keys(complete) as (keyof typeof complete)[]) {
    test(`are refused without ${name}, and where it is wrong`, () => {
      assert.match(problemsOf({ ...complete, [name]: undefined }).join(), new RegExp(`^${name} must be set too`));
      assert.match(problemsOf({ ...complete, [name]: wrong[name] }).join(), new RegExp(`^${name} must`));
    });
  }
});

describe("a broken setting is refused:", () => {
  for (const [name, value, rule] of broken) {
    test(`${name} ${value?.replace(secret, "…") ?? "missing"}`, () => {
      const problems = problemsOf({ [name]: value });
      const [problem = ""] = problems;
      assert.equal(problems.length, 1, problems.join("\n"));
      assert.ok(problem.startsWith(name), problem);
      assert.match(problem, rule);
      assert.match(problem, /: (set|correct|remove)/i, "there is a remedy");
      assert.doesNotMatch(problem, new RegExp(secret));
    });
  }

  test("an unknown KEYHOLD_ setting, by name only", () => {
    const [problem = "", ...others] = problemsOf({ KEYHOLD_HOME_TENANT: secret });
    assert.deepEqual(others, []);
    assert.match(problem, /^KEYHOLD_HOME_TENANT is not a setting/);
    assert.doesNotMatch(problem, new RegExp(secret));
  });

  test("TLS verification that is switched off", () => {
    assert.match(problemsOf({ NODE_TLS_REJECT_UNAUTHORIZED: "0" })[0] ?? "", /^NODE_TLS_REJECT_UNAUTHORIZED/);
    assert.deepEqual(problemsOf({ NODE_TLS_REJECT_UNAUTHORIZED: "1" }), []);
  });

  test("debug output of libraries, which prints requests", () => {
    for (const name of ["AZURE_LOG_LEVEL", "NODE_DEBUG"]) {
      const [problem = "", ...others] = problemsOf({ [name]: secret });
      assert.deepEqual(others, []);
      assert.match(problem, new RegExp(`^${name} must not be set`));
      assert.doesNotMatch(problem, new RegExp(secret));
      assert.deepEqual(problemsOf({ [name]: "" }), []);
    }
  });

  test("one identity for signing and for storage, in whatever case", () => {
    const env = { KEYHOLD_STORAGE_IDENTITY_CLIENT_ID: signingId.toUpperCase() };
    assert.match(problemsOf(env)[0] ?? "", /must not be the identity that signs/);
  });

  test("a policy in two places", () => {
    assert.match(problemsOf({ KEYHOLD_POLICY_FILE: "policy.json" })[0] ?? "", /not both/);
  });
});

test("all problems are reported at once", () => {
  const env = Object.fromEntries(settingNames.map((name) => [name, secret]));
  const problems = problemsOf({
    ...env,
    KEYHOLD_POLICY_FILE: "",
    NODE_TLS_REJECT_UNAUTHORIZED: "0",
    KEYHOLD_X: secret,
  });
  const unchecked = new Set<string>(["KEYHOLD_CALLER_ROLE", "KEYHOLD_POLICY_FILE", "KEYHOLD_METADATA_ROOTS_FILE"]);
  for (const name of [...settingNames.filter((each) => !unchecked.has(each)), "KEYHOLD_X", "NODE_TLS"]) {
    assert.ok(
      problems.some((problem) => problem.startsWith(name)),
      `${name} is among\n${problems.join("\n")}`,
    );
  }
  assert.doesNotMatch(problems.join(), new RegExp(secret));
});

test("an empty environment names every setting that is needed", () => {
  assert.throws(
    () => readConfig({}),
    (error) => error instanceof ConfigurationError && error.problems.length === 12,
  );
});

test("managed identities are there where the platform names their endpoint", () => {
  assert.equal(isOnPlatform({ IDENTITY_ENDPOINT: "http://127.0.0.1:41234/msi/token" }), true);
  assert.equal(isOnPlatform({}), false);
});

test("outputs of a deployment are those that are there, by their names, and nothing else", () => {
  const env = { AZURE_KEY_VAULT_URI: " https://v.vault.azure.net/ ", KEYHOLD_AUDIENCE: "", PATH: "/bin" };
  assert.deepEqual(readDeploymentOutputs(env), { vault: "https://v.vault.azure.net/" });
  assert.deepEqual(readDeploymentOutputs({ KEYHOLD_CLOUD: "china", KEYHOLD_CALLER_ROLE: "Issue" }), {
    cloud: "china",
    callerRole: "Issue",
  });
});
