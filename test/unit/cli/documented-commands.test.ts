/** Every command that our pages, samples and messages show: it exists, and so does each of its options and scripts. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createCliWorld } from "./cli-world.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (name: string) => readFileSync(join(root, name), "utf8");
const pages = globSync(["*.md", "{docs,local,clients,bench,infra,samples}/**/*.{md,yml}"], { cwd: root });
const withoutHistory = pages.filter((name) => name !== "CHANGELOG.md").sort();

interface Shown {
  page: string;
  /** As shell words, from the command's own name on. */
  words: string[];
}

/** Lines of code blocks that begin with it, continued lines joined, and code within a sentence. */
function shown(page: string, pattern: RegExp): Shown[] {
  const text = read(page).replace(/\\\n\s*/g, " ");
  const blocks = [...text.matchAll(/^ *```[a-z]*\n([\s\S]*?)^ *```/gm)].flatMap(([, body = ""]) => body.split("\n"));
  const lines = page.endsWith(".md") ? blocks : text.split("\n");
  const inline = [...text.replace(/^ *```[\s\S]*?^ *```/gm, "").matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
  return [...lines, ...inline].flatMap((line) => {
    const [, command] = pattern.exec(line.trim()) ?? [];
    return command === undefined ? [] : [{ page, words: wordsOf(command) }];
  });
}

/** Up to a comment, a pipe, a redirection or another command; a placeholder may have blanks in it. */
function wordsOf(command: string): string[] {
  const own = command.replace(/\s(#|\||>|&&|;|2>).*$/, "").replace(/<[^<>]*>/g, "x");
  return own.match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
}

const keyhold = /^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:npm run -s keyhold --|keyhold) +([a-z-].*)$/;
const npm = /^(?:\$ )?(?:[A-Z_]+=\S+ )*npm (run(?: -s)? .*|start.*|test.*)$/;

/** The help of a command, by its words; undefined where there is none. */
async function helpOf(words: string[]): Promise<string | undefined> {
  const { exit, out } = await createCliWorld().run(...words, "--help");
  return exit === 0 && out.startsWith(`Usage: keyhold ${words.join(" ")}`.trimEnd()) ? out : undefined;
}

const nothing = /^-|^[.…]+$/;

async function problemsOf({ page, words }: Shown): Promise<string[]> {
  // Of "caller|client suspend" the reader chooses one.
  const chosen = words.map((word) => word.split("|")[0] ?? word);
  let help = await helpOf([]);
  const path: string[] = [];
  for (const word of chosen) {
    if (nothing.test(word)) break;
    const next = await helpOf([...path, word]);
    if (next === undefined) break;
    path.push(word);
    help = next;
  }
  const whole = `${page}: keyhold ${words.join(" ")}`;
  if (path.length === 0)
    return chosen[0]?.startsWith("--") || chosen[0] === "help" ? [] : [`${whole}: no such command`];
  const next = chosen[path.length];
  const isGroup = /^Commands:/m.test(help ?? "");
  if (isGroup && next !== undefined && !nothing.test(next)) return [`${whole}: no such command`];
  const known = `${help}\n${await helpOf([])}`;
  const options = chosen.slice(path.length).flatMap((word) => /^--?[a-z][a-z-]*/.exec(word) ?? []);
  return options
    .filter((option) => !new RegExp(`(^|[ ,])${option}(?![a-z-])`, "m").test(known))
    .map((option) => `${whole}: no option ${option}`);
}

test("every command and option of keyhold that a page shows exists", async () => {
  const commands = withoutHistory.flatMap((page) => shown(page, keyhold));
  assert.ok(commands.length > 60, `${commands.length} were found`);
  assert.deepEqual((await Promise.all(commands.map(problemsOf))).flat(), []);
});

test("a command, a second word or an option that does not exist is found", async () => {
  const of = (command: string) => problemsOf({ page: "x.md", words: wordsOf(command) });
  assert.deepEqual(await of("tenant suspend contoso --reason 'incident 4711' # at once"), []);
  assert.equal((await of("tenants suspend contoso")).length, 1);
  assert.equal((await of("tenant suspended contoso")).length, 1);
  assert.equal((await of("tenant suspend contoso --raeson x")).length, 1);
  assert.equal((await of("doctor --csv")).length, 1);
});

test("every npm script that a page shows exists, and every drill and part of the benchmark", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  const drills = read("local/drill.ts");
  const shownScripts = withoutHistory.flatMap((page) => shown(page, npm));
  assert.ok(shownScripts.length > 15, `${shownScripts.length} were found`);
  for (const { page, words } of shownScripts) {
    const [first, ...rest] = words.filter((word) => word !== "-s");
    const script = first === "run" ? rest.shift() : first;
    assert.ok(script !== undefined && script in scripts, `${page}: npm ${words.join(" ")}`);
    const [argument] = rest.filter((word) => word !== "--");
    if (argument === undefined || nothing.test(argument)) continue;
    if (script === "drill") assert.match(drills, new RegExp(`\\b${argument}\\b`), `${page}: no drill ${argument}`);
    if (script === "bench")
      assert.ok(globSync(`bench/${argument}.ts`, { cwd: root }).length === 1, `${page}: ${argument}`);
  }
});

test("no page calls keyhold through npx, which asks the public registry where no clone is", () => {
  for (const page of withoutHistory) assert.ok(!/\bnpx (-y )?keyhold\b/.test(read(page)), page);
});
