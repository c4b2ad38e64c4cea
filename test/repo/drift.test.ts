import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { policyJsonSchema } from "../../generate.ts";
import { compilePolicyText } from "../../src/adapters/policy/compile-text.ts";
import { readConfig, settingNames } from "../../src/config.ts";
import { clouds } from "../../src/domain/shared/cloud.ts";

/** What stands in two places must say the same in both. */
const read = (file: string) => readFile(fileURLToPath(new URL(`../../${file}`, import.meta.url)), "utf8");
const sample = JSON.parse(await read("local.settings.sample.json")) as { Values: Record<string, string> };

test("policy.schema.json is what the source generates (npm run generate)", async () => {
  assert.equal(await read("policy.schema.json"), policyJsonSchema());
});

test("local.settings.sample.json names every setting and no other of ours", () => {
  const names = Object.keys(sample.Values).filter((name) => name.startsWith("KEYHOLD_"));
  assert.deepEqual(names.sort(), [...settingNames].sort());
});

test("local.settings.sample.json is a valid configuration, and its numbers are the presets", () => {
  const { mints, tokenCache, callerRole, maxRequestsInFlight } = readConfig(sample.Values);
  const required = Object.entries(sample.Values).filter(([name]) => !/MINTS|CACHE|ROLE|CLOUD|IN_FLIGHT/.test(name));
  const presets = readConfig(Object.fromEntries(required));
  assert.deepEqual(
    { mints, tokenCache, callerRole, maxRequestsInFlight },
    {
      mints: presets.mints,
      tokenCache: presets.tokenCache,
      callerRole: presets.callerRole,
      maxRequestsInFlight: presets.maxRequestsInFlight,
    },
  );
});

test("the documented table of settings has every setting and no other", async () => {
  const names = [...(await read("docs/reference/settings.md")).matchAll(/^\| `(KEYHOLD_[A-Z_]+)` \|/gm)].map(
    (match) => match[1],
  );
  assert.deepEqual(names.sort(), [...settingNames].sort());
});

test("policy.sample.json is a valid policy", async () => {
  const { homeTenantId } = readConfig(sample.Values);
  const context = { cloud: clouds.public, homeTenantId, nowMs: Date.now() };
  const compiled = compilePolicyText(await read("policy.sample.json"), context);
  assert.ok("policy" in compiled, JSON.stringify(compiled));
});

test("the page of dependencies names every runtime dependency in one line of why", async () => {
  const { dependencies } = JSON.parse(await read("package.json")) as { dependencies: Record<string, string> };
  const named = [...(await read("docs/reference/dependencies.md")).matchAll(/^\| `([@a-z0-9/-]+)` \| [^|]+ \|$/gm)].map(
    (match) => match[1],
  );
  assert.deepEqual(named.sort(), Object.keys(dependencies).sort());
});
