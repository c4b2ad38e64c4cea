import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  areInstalled,
  mellonPackages,
  requirementsOf,
  shibbolethPackages,
  simpleSamlPackages,
} from "../../local/relying-parties/debian-packages.ts";
import { describeStack } from "../../local/stack/describe-stack.ts";
import { skipWithout } from "../support/requirements.ts";
import { testStack } from "../support/test-stack.ts";

/** `npm run drill -- NAME` against a running stack: each case raises its alarm and nothing else. */
const stack = await testStack();
await writeFile(join(stack.folder, "stack.json"), JSON.stringify(describeStack(stack)));
const repository = fileURLToPath(new URL("../..", import.meta.url));

function runDrill(name: string) {
  const env = { ...process.env, LOCAL_FOLDER: stack.folder };
  return promisify(execFile)(process.execPath, ["local/drill.ts", name], { cwd: repository, env });
}

async function drill(name: string): Promise<string[]> {
  const { stdout } = await runDrill(name);
  return [...stdout.matchAll(/^ {2}(.+?) {2,}\{/gm)].map((match) => match[1] ?? "");
}

for (const [name, alarm] of [
  ["silence", "sign rate below"],
  ["theft", "unaccounted_signature"],
  ["log-cut", "missing_record"],
  ["burst", "sign rate above"],
] as const) {
  test(`the drill ${name} raises "${alarm}" and nothing else`, async () => {
    assert.deepEqual(await drill(name), [alarm]);
  });
}

test("the drill rollover succeeds: after a withdrawal callers, idp.xml and every relying party work again", async (t) => {
  const makes = { Mellon: mellonPackages, Shibboleth: shibbolethPackages, SimpleSAMLphp: simpleSamlPackages };
  const missing = skipWithout(...requirementsOf(Object.values(makes).flat()));
  if (missing) t.diagnostic(missing);
  const parties = Object.entries(makes).flatMap(([name, packages]) => (areInstalled(packages) ? [name] : []));
  const { stdout } = await runDrill("rollover");
  t.diagnostic(stdout);
  const right = [...stdout.matchAll(/^(.+?) {2,}right after [0-9.]+ s$/gm)].map((match) => match[1] ?? "");
  assert.deepEqual(right, [
    ...parties.map((name) => `a login at ${name}`),
    "a caller, by a cached token",
    "a caller, by a new token",
    "idp.xml has the new key alone",
    ...parties.map((name) => `a login at ${name}`),
  ]);
});

test("the drill drift finds the added credential", async () => {
  const { stdout } = await runDrill("drift");
  assert.match(stdout, /credential_drift/);
  assert.match(stdout, /"finding":"foreign_password","severity":0/);
});
