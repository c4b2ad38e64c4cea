/** Settings to the letter: what each one may hold, and what is said where one is missing. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  ConfigurationError,
  configureExporter,
  hasSettings,
  readConfig,
  readDeploymentOutputs,
  readIdentityEndpoint,
} from "../../src/config.ts";
import { type Env, signingId, validEnv } from "../support/fixtures/settings.ts";

const read = (change: Env) => readConfig({ ...validEnv(), ...change });

function problemsOf(env: Env): readonly string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    return error.problems;
  }
}

test("what is missing is asked for in words that say what it is", () => {
  const storage = "must be a storage URL of this cloud: set it to https://<account>";
  const expected = [
    "KEYHOLD_HOME_TENANT_ID must be a GUID: set it to the tenant that callers and Keyhold itself live in",
    "KEYHOLD_AUDIENCE must be a GUID: set it to the client id of Keyhold's own app registration",
    "KEYHOLD_PUBLIC_URL must be an https origin without a path: set it to the address that callers use",
    "KEYHOLD_POLICY_BLOB_URL or KEYHOLD_POLICY_FILE must be set, and not both: remove or add one",
    `KEYHOLD_LEDGER_TABLE_URL ${storage}.table.core.windows.net/<table>`,
    `KEYHOLD_AUDIT_TABLE_URL ${storage}.table.core.windows.net/<table>`,
    "KEYHOLD_LOG_WORKSPACE_ID must be a GUID: set it to the workspace that the vault's audit log goes to",
    "KEYHOLD_MONITORING_IDENTITY_CLIENT_ID must be a GUID: set it to the identity that reads logs",
    "KEYHOLD_SIGNING_IDENTITY_OBJECT_ID must be a GUID: set it to the object id of the one that signs",
    `KEYHOLD_METADATA_CONTAINER_URL ${storage}.blob.core.windows.net/<container>`,
    "KEYHOLD_SIGNING_IDENTITY_CLIENT_ID must be a GUID: set it to the identity that may sign",
    "KEYHOLD_STORAGE_IDENTITY_CLIENT_ID must be a GUID: set it to the identity for storage",
  ];
  assert.deepEqual(problemsOf({}), expected);
  const error = new ConfigurationError(["a", "b"]);
  assert.equal(`${error}`, "ConfigurationError: the configuration is not valid: a; b");
});

test("optional settings are read without the white space around them, and empty ones are none", () => {
  const vault = "/subscriptions/s/resourceGroups/r(1).x/providers/Microsoft.KeyVault/vaults/my-vault";
  const set = (value: (text: string) => string) => {
    const { vaultResourceId, metadataRootsFile, applicationInsightsConnectionString } = read({
      KEYHOLD_VAULT_RESOURCE_ID: value(vault),
      KEYHOLD_METADATA_ROOTS_FILE: value("/etc/roots.pem"),
      APPLICATIONINSIGHTS_CONNECTION_STRING: value("InstrumentationKey=1"),
    });
    return [vaultResourceId, metadataRootsFile, applicationInsightsConnectionString];
  };
  assert.deepEqual(
    set((text) => ` ${text} `),
    [vault, "/etc/roots.pem", "InstrumentationKey=1"],
  );
  assert.deepEqual(
    set(() => " "),
    [undefined, undefined, undefined],
  );
});

test("an empty address of ours is none: the platform's stands for it", () => {
  const env = { KEYHOLD_PUBLIC_URL: " ", WEBSITE_HOSTNAME: "keyhold.azurewebsites.net" };
  assert.equal(read(env).publicUrl, "https://keyhold.azurewebsites.net");
});

test("telemetry is what its settings say", () => {
  const { telemetry, maxRequestsInFlight, ledgerRetentionDays } = read({
    KEYHOLD_TELEMETRY_CACHED_ANSWERS_PERCENT: "5",
    KEYHOLD_TELEMETRY_LIVE_METRICS: "true",
    KEYHOLD_TELEMETRY_STANDARD_METRICS: "true",
    KEYHOLD_MAX_REQUESTS_IN_FLIGHT: "20",
    KEYHOLD_LEDGER_RETENTION_DAYS: "90",
  });
  assert.deepEqual(telemetry, { cachedAnswersShare: 0.05, liveMetrics: true, standardMetrics: true });
  assert.deepEqual([maxRequestsInFlight, ledgerRetentionDays], [20, 90]);
  const share = (percent: string) => ({ ...validEnv(), KEYHOLD_TELEMETRY_CACHED_ANSWERS_PERCENT: percent });
  assert.deepEqual(
    ["1", "100", "101"].map((percent) => problemsOf(share(percent)).length),
    [0, 0, 1],
  );
});

describe("the id of a vault", () => {
  const id = "/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/v";
  for (const wrong of [
    ...["v", `x${id}`, `${id}/`, `${id}/keys/k`, id.replace("KeyVault", "Storage"), id.replace("/vaults/", "/vault/")],
    `${id} x`,
  ]) {
    test(`is not ${wrong}`, () => {
      const rule = "must be the ARM id of a vault, /subscriptions/...: correct it or remove it";
      assert.deepEqual(problemsOf({ ...validEnv(), KEYHOLD_VAULT_RESOURCE_ID: wrong }), [
        `KEYHOLD_VAULT_RESOURCE_ID ${rule}`,
      ]);
    });
  }

  test("may be written in small letters, as ARM does", () => {
    assert.equal(read({ KEYHOLD_VAULT_RESOURCE_ID: id.toLowerCase() }).vaultResourceId, id.toLowerCase());
  });
});

const account = "https://account";
const shared = {
  KEYHOLD_SHARED_CACHE_TABLE_URL: `${account}.table.core.windows.net/tokens`,
  KEYHOLD_SHARED_CACHE_KEY_ID: `https://contoso.vault.azure.net/keys/shared-cache/${"a".repeat(32)}`,
  KEYHOLD_SHARED_CACHE_WRAPPED_KEY: Buffer.alloc(256, 7).toString("base64url"),
  KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID: "00000000-0000-4000-8000-00000000000f",
};

describe("names in storage", () => {
  const tables = ["KEYHOLD_LEDGER_TABLE_URL", "KEYHOLD_AUDIT_TABLE_URL", "KEYHOLD_SHARED_CACHE_TABLE_URL"];
  for (const name of tables) {
    test(`${name} has a table of 3 to 63 letters and digits, a letter first`, () => {
      const problems = (path: string) =>
        problemsOf({ ...validEnv(), ...shared, [name]: `${account}.table.core.windows.net${path}` }).length;
      for (const good of ["/abc", "/A1b", `/a${"b".repeat(62)}`]) assert.equal(problems(good), 0, good);
      for (const bad of ["/ab", "/1bc", `/a${"b".repeat(63)}`, "/a-c", "/x/abc", "/abc/x", "/abc/"]) {
        assert.equal(problems(bad), 1, bad);
      }
    });
  }

  for (const [name, below] of [
    ["KEYHOLD_METADATA_CONTAINER_URL", ""],
    ["KEYHOLD_POLICY_BLOB_URL", "/policy.json"],
  ] as const) {
    test(`${name} has a container of 3 to 63 small letters, digits and hyphens`, () => {
      const problems = (path: string) =>
        problemsOf({ ...validEnv(), [name]: `${account}.blob.core.windows.net${path}${below}` }).length;
      for (const good of ["/a-1", `/${"b".repeat(63)}`]) assert.equal(problems(good), 0, good);
      for (const bad of ["/ab", `/${"b".repeat(64)}`, "/Abc", "/A/abc"]) assert.equal(problems(bad), 1, bad);
    });
  }

  test("KEYHOLD_POLICY_BLOB_URL has a blob of 1 to 256 characters, with slashes or without", () => {
    const problems = (blob: string) =>
      problemsOf({ ...validEnv(), KEYHOLD_POLICY_BLOB_URL: `${account}.blob.core.windows.net/policy/${blob}` }).length;
    for (const good of ["p", "folder/policy.json", "p".repeat(256)]) assert.equal(problems(good), 0);
    for (const bad of ["", "p".repeat(257)]) assert.equal(problems(bad), 1);
  });
});

describe("the policy's place", () => {
  test("is a file without white space around its name, or a blob; an empty one is none", () => {
    const file = { KEYHOLD_POLICY_BLOB_URL: " ", KEYHOLD_POLICY_FILE: " policy.json " };
    assert.deepEqual(read(file).policy, { file: "policy.json" });
    assert.deepEqual(read({ KEYHOLD_POLICY_FILE: " " }).policy, { blobUrl: validEnv().KEYHOLD_POLICY_BLOB_URL });
  });
});

describe("the shared cache", () => {
  test("is read whole, without white space", () => {
    const spaced = Object.fromEntries(Object.entries(shared).map(([name, value]) => [name, ` ${value} `]));
    assert.deepEqual(read(spaced).sharedCache, {
      tableUrl: shared.KEYHOLD_SHARED_CACHE_TABLE_URL,
      keyId: shared.KEYHOLD_SHARED_CACHE_KEY_ID,
      wrappedKey: Buffer.alloc(256, 7),
      identityClientId: shared.KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID,
    });
  });

  test("is none where all of its settings are empty", () => {
    const empty = Object.fromEntries(Object.keys(shared).map((name) => [name, " "]));
    assert.equal(read(empty).sharedCache, undefined);
  });

  test("needs all of its settings: those that are missing are named together", () => {
    const { KEYHOLD_SHARED_CACHE_KEY_ID } = shared;
    const rest =
      "KEYHOLD_SHARED_CACHE_TABLE_URL, KEYHOLD_SHARED_CACHE_WRAPPED_KEY, KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID";
    assert.deepEqual(problemsOf({ ...validEnv(), KEYHOLD_SHARED_CACHE_KEY_ID }), [
      `${rest} must be set too: add it, or remove all of KEYHOLD_SHARED_CACHE_*`,
    ]);
  });

  test("has a key that is wrapped by RSA of 2048, 3072 or 4096 bits", () => {
    const problems = (bytes: number) => {
      const KEYHOLD_SHARED_CACHE_WRAPPED_KEY = Buffer.alloc(bytes, 7).toString("base64url");
      return problemsOf({ ...validEnv(), ...shared, KEYHOLD_SHARED_CACHE_WRAPPED_KEY });
    };
    for (const bytes of [256, 384, 512]) assert.deepEqual(problems(bytes), []);
    const remedy = "set it to what keyhold shared-cache create-key prints";
    for (const bytes of [255, 257, 385, 513]) {
      assert.deepEqual(problems(bytes), [
        `KEYHOLD_SHARED_CACHE_WRAPPED_KEY must be a wrapped key in base64url: ${remedy}`,
      ]);
    }
  });

  test("says what a key URL looks like", () => {
    assert.deepEqual(problemsOf({ ...validEnv(), ...shared, KEYHOLD_SHARED_CACHE_KEY_ID: "x" }), [
      "KEYHOLD_SHARED_CACHE_KEY_ID must be a versioned key URL of this cloud: " +
        "set it to https://<vault>.vault.azure.net/keys/<name>/<32 hexadecimal digits>",
    ]);
  });
  test("says what its identity is", () => {
    assert.deepEqual(problemsOf({ ...validEnv(), ...shared, KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID: "x" }), [
      "KEYHOLD_SHARED_CACHE_IDENTITY_CLIENT_ID must be a GUID: set it to the identity that unwraps",
    ]);
  });
});

for (const name of ["STORAGE", "MONITORING", "SHARED_CACHE"]) {
  test(`the identity of ${name} must not be the one that signs`, () => {
    const setting = `KEYHOLD_${name}_IDENTITY_CLIENT_ID`;
    assert.deepEqual(problemsOf({ ...validEnv(), ...shared, [setting]: signingId }), [
      `${setting} must not be the identity that signs: give it another, so that none but signing can sign`,
    ]);
  });
}

test("there are settings where any name begins with ours", () => {
  assert.equal(hasSettings({ PATH: "/bin", KEYHOLD_X: "" }), true);
  assert.equal(hasSettings({ PATH: "/bin", NO_KEYHOLD_: "x" }), false);
});

test("the outputs of a deployment are read by their names", () => {
  const env = {
    KEYHOLD_AUDIENCE: "a",
    KEYHOLD_CALLER_ROLE: "b",
    KEYHOLD_CLOUD: "c",
    KEYHOLD_MONITORING_IDENTITY_CLIENT_ID: "d",
    AZURE_POLICY_CONTAINER_URL: "e",
    AZURE_PUBLISHER_KEY_NAME: "f",
    AZURE_KEY_VAULT_URI: " g ",
  };
  assert.deepEqual(readDeploymentOutputs(env), {
    ...{ audience: "a", callerRole: "b", cloud: "c", monitoringIdentity: "d", policyContainer: "e" },
    ...{ publisherKey: "f", vault: "g" },
  });
  assert.deepEqual(readDeploymentOutputs({ AZURE_KEY_VAULT_URI: " " }), {});
});

test("the platform's identity endpoint is one with a URL and a header", () => {
  const endpoint = { IDENTITY_ENDPOINT: "http://127.0.0.1:1/msi/token", IDENTITY_HEADER: "secret" };
  assert.deepEqual(readIdentityEndpoint(endpoint), { url: endpoint.IDENTITY_ENDPOINT, header: "secret" });
  for (const change of [
    { IDENTITY_ENDPOINT: undefined },
    { IDENTITY_ENDPOINT: "" },
    { IDENTITY_ENDPOINT: "no URL" },
    { IDENTITY_HEADER: undefined },
    { IDENTITY_HEADER: "" },
  ]) {
    assert.equal(readIdentityEndpoint({ ...endpoint, ...change }), undefined, JSON.stringify(change));
  }
});

test("the exporter sends nothing about itself, and no envelope that repeats the resource", () => {
  const env = {};
  configureExporter(env);
  assert.deepEqual(env, {
    APPLICATION_INSIGHTS_NO_STATSBEAT: "true",
    APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED: "true",
  });
});
