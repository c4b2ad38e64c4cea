import assert from "node:assert/strict";
import { test } from "node:test";
import { readSources, type SourceFile } from "../support/source-tree.ts";
import { readFiles } from "./words.ts";

/** What stands in the source and not in an import: the environment, clocks, and how functions are registered. */
interface Rule {
  name: string;
  /** Files that it is about. */
  isAbout: (path: string) => boolean;
  forbidden: RegExp;
}

const rules: readonly Rule[] = [
  {
    name: "only config.ts reads or writes the environment",
    isAbout: (path) => path !== "src/config.ts",
    forbidden:
      /\bprocess\s*\.\s*env\b|\bprocess\s*\[|import\s*\{[^}]*\benv\b[^}]*\}\s*from\s*"(node:)?process"|import\s+\w+\s+from\s*"(node:)?process"|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/,
  },
  {
    name: "no option of the command line is hidden, or read from the environment",
    isAbout: (path) => path.startsWith("src/cli/"),
    forbidden: /\.hideHelp\(|\.env\(/,
  },
  {
    name: "nothing in the domain reads a clock, starts a timer, logs or fetches",
    isAbout: (path) => path.startsWith("src/domain/"),
    forbidden:
      /Date\.now|new Date\(\)|performance\.|console\.|setTimeout|setInterval|AbortSignal\.timeout|\bfetch\(|Math\.random/,
  },
  {
    name: "a managed identity is made by adapters/azure/identity.ts, so that a token that is refused can be replaced",
    isAbout: (path) => path !== "src/adapters/azure/identity.ts",
    forbidden: /\bnew\s+ManagedIdentityCredential\s*\(/,
  },
  {
    name: "adapters follow a signal by adapters/azure/deadline.ts: AbortSignal.any of a signal made by it is never freed",
    isAbout: (path) => path.startsWith("src/adapters/"),
    forbidden: /AbortSignal\s*\.\s*any\b/,
  },
  {
    name: "a client of an Azure service has the policy that replaces a token that is refused",
    isAbout: () => true,
    forbidden: /^(?![\s\S]*refusedTokenPolicy\()[\s\S]*\bnew\s+(Cryptography|Key|Table|LogsQuery)Client\s*\(/,
  },
];

/** Comments may name what the code may not do. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

function violations({ path, text }: SourceFile): string[] {
  const code = codeOf(text);
  return rules
    .filter(({ isAbout, forbidden }) => isAbout(path) && forbidden.test(code))
    .map(({ name }) => `${path}: ${name}`);
}

const sources = readSources(["src"]);

test("the rules of the source hold in every file of src", () => {
  assert.ok(sources.length > 100);
  assert.deepEqual(sources.flatMap(violations), []);
});

const faults: readonly [what: string, path: string, text: string][] = [
  ["process.env in an adapter", "src/adapters/tls/pinned-get.ts", "const x = process.env.HOME;"],
  ["process['env']", "src/composition.ts", 'const x = process["env"];'],
  ["env from node:process", "src/adapters/telemetry/telemetry.ts", 'import { env } from "node:process";'],
  ["the whole of node:process", "src/http/a.ts", 'import process from "node:process";'],
  ["env taken out of process", "src/cli/main.ts", "const { argv, env } = process;"],
  ["an option that is hidden", "src/cli/options.ts", 'new Option("--token <t>").hideHelp();'],
  ["an option that is read from the environment", "src/cli/options.ts", 'new Option("--token <t>").env("TOKEN");'],
  ["one whose variable has a name", "src/cli/options.ts", "new Option(flags).env(variable);"],
  ["an identity of the SDK", "src/composition.ts", "const a = new ManagedIdentityCredential({ clientId });"],
  ["a client that keeps its token", "src/adapters/x/y.ts", "const a = new KeyClient(url, credential, options);"],
  ["a signal that is never freed", "src/adapters/x/y.ts", "const both = AbortSignal.any([signal, timeout]);"],
  ["a clock in the domain", "src/domain/issuing/mint.ts", "const now = Date.now();"],
  ["a time limit in the domain", "src/domain/shared/retry.ts", "AbortSignal.timeout(5);"],
];

for (const [what, path, text] of faults) {
  test(`${what} is noticed`, () => assert.equal(violations({ path, text }).length, 1));
}

test("of @azure/functions only `app` is imported as a value, the one name that plain ESM finds in it", () => {
  for (const { path, text } of sources) {
    for (const [, names = ""] of text.matchAll(/^import \{([^}]*)\} from "@azure\/functions"/gm)) {
      const values = names
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name && !name.startsWith("type "));
      assert.deepEqual(values, ["app"], path);
    }
  }
});

test("every route and timer is registered in functions.ts, and nowhere else", () => {
  const registering = sources.filter(({ text }) =>
    /\.(http|timer)\(\s*(name|"[a-zA-Z-]+")\s*,\s*\{/.test(codeOf(text)),
  );
  assert.deepEqual(
    registering.map(({ path }) => path),
    ["src/functions.ts"],
  );
});

const mergeMark = /^(<{7}|>{7}) /m;

test("no text has the marks of a merge that was not finished", () => {
  const marked = [...readFiles()].filter(([, text]) => mergeMark.test(text)).map(([name]) => name);
  assert.deepEqual(marked, []);
  assert.ok(mergeMark.test(`a\n${"<".repeat(7)} HEAD\nb`));
});
