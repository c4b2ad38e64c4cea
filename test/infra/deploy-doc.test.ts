import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { template } from "./templates.ts";

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
const deploy = read("docs/operate/deploy.md");

test("docs/operate/deploy.md has every variable of a deployment and no other, with its preset where that is a value", () => {
  const inputs = [...read("infra/main.parameters.json").matchAll(/\$\{(\w+)(?:=(.*?))?\}/g)];
  const presets = new Map(inputs.map(([, name = "", preset = ""]) => [name, preset]));
  presets.delete("AZURE_ENV_NAME");
  presets.delete("AZURE_LOCATION");
  const rows = [...deploy.matchAll(/^\| `((?:KEYHOLD|AZURE)_\w+)` \| .* \| (.+) \|$/gm)];
  assert.deepEqual(rows.map(([, name]) => name).sort(), [...presets.keys()].sort());
  for (const [, name = "", documented = ""] of rows) {
    const preset = presets.get(name) ?? "";
    if (preset !== "" && preset !== "[]") assert.equal(documented.replaceAll("`", ""), preset, name);
  }
});

test("what docs/operate/deploy.md reads from the environment is set by azd", () => {
  const outputs = Object.keys(template.outputs);
  const inputs = [...read("infra/main.parameters.json").matchAll(/\$\{(\w+)/g)].map((match) => match[1]);
  for (const [, name] of deploy.matchAll(/\$((?:AZURE|KEYHOLD)_\w+)/g)) {
    assert.ok(outputs.concat(inputs as string[]).includes(name ?? ""), name);
  }
});
