import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/**
 * The house (docs/architecture.md): which part may import which. Outside packages are listed per part too, so that
 * the domain stays plain data and functions, and a new dependency is a decision.
 */
interface Rule {
  parts: string[];
  packages: RegExp;
}

const azureClients = /^(@azure\/|jose$|oauth4webapi$|zod$|xml-crypto$|@opentelemetry\/|@xmldom\/xmldom\/|node:)/;
const rules: Record<string, Rule> = {
  index: { parts: ["functions", "composition"], packages: /^@azure\/functions$/ },
  functions: { parts: ["composition", "http"], packages: /^@azure\/functions$/ },
  composition: { parts: ["config", "adapters", "domain"], packages: /^(@azure\/identity|node:timers\/promises)$/ },
  config: { parts: ["domain"], packages: /^$/ },
  http: { parts: ["http", "domain"], packages: /^@azure\/functions$/ },
  adapters: { parts: ["adapters", "domain"], packages: azureClients },
  domain: { parts: ["domain"], packages: /^(node:crypto|lru-cache)$/ },
  cli: {
    parts: ["cli", "config", "adapters", "domain"],
    packages: new RegExp(`${azureClients.source}|^(commander|jsonc-parser)$`),
  },
};

const source = fileURLToPath(new URL("../../src", import.meta.url));
const files = globSync("**/*.ts", { cwd: source });

interface Import {
  from: string;
  specifier: string;
}

function importsOf(file: string, text: string): Import[] {
  const found = text.matchAll(
    /^(?:import|export)\s[^"';]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm,
  );
  return [...found].map((match) => ({ from: file, specifier: match[1] ?? match[2] ?? match[3] ?? "" }));
}

function partOf(file: string): string {
  return file.replace(/\.ts$/, "").split("/")[0] ?? "";
}

function targetOf({ from, specifier }: Import): string | undefined {
  return specifier.startsWith(".") ? relative(source, join(source, dirname(from), specifier)) : undefined;
}

/** What is wrong with an import; undefined if nothing. */
function violation(imported: Import): string | undefined {
  const part = partOf(imported.from);
  const rule = rules[part];
  if (!rule) return `${imported.from}: "${part}" is no part of the house`;
  const target = targetOf(imported);
  const isAllowed = target === undefined ? rule.packages.test(imported.specifier) : rule.parts.includes(partOf(target));
  return isAllowed ? undefined : `${imported.from} must not import ${target ?? imported.specifier}`;
}

const imports = files.flatMap((file) => importsOf(file, readFileSync(join(source, file), "utf8")));

test("every import in src goes in the allowed direction", () => {
  assert.ok(imports.length > 50, "the imports were found");
  assert.deepEqual(imports.map(violation).filter(Boolean), []);
});

test("no file of src imports from local, test, bench or infra", () => {
  const outside = imports.filter((imported) => targetOf(imported)?.startsWith(".."));
  assert.deepEqual(outside, []);
});

test("the imports of src have no cycle", () => {
  const edges = new Map<string, string[]>();
  for (const imported of imports) {
    const target = targetOf(imported);
    if (target !== undefined) edges.set(imported.from, [...(edges.get(imported.from) ?? []), target]);
  }
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    assert.ok(!path.includes(file), `cycle: ${[...path, file].join(" -> ")}`);
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
});

test("a forbidden import is noticed", () => {
  assert.match(
    violation({ from: "domain/shared/guid.ts", specifier: "../../adapters/event-log.ts" }) ?? "",
    /must not import/,
  );
  assert.match(violation({ from: "domain/shared/guid.ts", specifier: "node:fs" }) ?? "", /must not import/);
  assert.match(violation({ from: "http/a.ts", specifier: "../adapters/event-log.ts" }) ?? "", /must not import/);
  assert.match(violation({ from: "helpers/a.ts", specifier: "node:crypto" }) ?? "", /no part of the house/);
});

test("of @azure/functions only `app` is imported as a value, the one name that plain ESM finds in it", () => {
  for (const file of files) {
    const text = readFileSync(join(source, file), "utf8");
    for (const [, names = ""] of text.matchAll(/^import \{([^}]*)\} from "@azure\/functions"/gm)) {
      const values = names
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name && !name.startsWith("type "));
      assert.deepEqual(values, ["app"], file);
    }
  }
});

test("only config.ts reads the environment, and nothing in the domain reads a clock or logs", () => {
  for (const file of files) {
    const text = readFileSync(join(source, file), "utf8");
    if (file !== "config.ts") assert.doesNotMatch(text, /process\.env/, file);
    if (file.startsWith("domain/"))
      assert.doesNotMatch(text, /Date\.now|new Date\(\)|console\.|setTimeout|fetch\(/, file);
  }
});

test("each function file is a registration of at most 25 lines", () => {
  const functionFiles = files.filter((file) => file.startsWith("functions/"));
  assert.ok(functionFiles.length >= 5);
  for (const file of functionFiles) {
    const lines = readFileSync(join(source, file), "utf8").trimEnd().split("\n");
    assert.ok(lines.length <= 25, `${file} has ${lines.length} lines`);
    assert.match(lines.join("\n"), /^app\.(http|timer)\("/m, `${file} registers a function`);
  }
});
