/** Words that our texts do not use, and how the files that people read are searched for them. */
import { globSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface WordRule {
  /** A space matches the break of a line too, with what begins a line of a comment. */
  pattern: RegExp;
  not: string;
  but: string;
}

export const wordRules: WordRule[] = [
  { pattern: /\bpresets?\b/, not: "the preset is 400 days", but: "the default is 400 days" },
  {
    pattern: /\b(this|that) or the (next|one before)\b/,
    not: "this or the next",
    but: "one of these two is required",
  },
  { pattern: /: say it\b/, not: "no default: say it", but: "required" },
  {
    pattern: /\b(is|are|was|were|be|been|being) told\b/,
    not: "the operator is told that it failed",
    but: "the failure is reported to the operator",
  },
  {
    pattern: /\btells\b(?!.{1,40}\b(apart|from)\b)/,
    not: "the event tells that it failed",
    but: "the event reports the failure, and its code tells one cause from another",
  },
  { pattern: /\bmend(s|ed|ing)?\b/, not: "mend the policy", but: "fix the policy" },
  {
    pattern: /\b(the|its|their|these|those|all|of|no|two|three|more|\d+) tries\b/,
    not: "three tries are made, and the tries are logged",
    but: "three attempts are made; the doctor tries each right",
  },
  { pattern: /\bjudg(e[ds]?|ing)\b/, not: "the audit judges each row", but: "the audit evaluates each row" },
  {
    pattern: /\b(go|goes|going|went) on\b/,
    not: "what is cached goes on",
    but: "cached tokens are still served",
  },
  {
    pattern: /\bnothing( \w+)? is taken\b|\b(is|are) (not|never) taken\b/,
    not: "nothing forged is taken",
    but: "forged data is rejected; the port is taken",
  },
  {
    pattern: /\btrad(e[ds]?|ing)\b/,
    not: "Keyhold trades it at Entra, and answers",
    but: "Keyhold exchanges it at Entra for an access token and returns that",
  },
  {
    pattern: /\bthie(f|ves)\b|\b(gone|goes|going|went) past\b|\b(has|had|have|having) the vault sign\b/,
    not: "a thief has gone past it and had the vault sign",
    but: "an attacker asked the vault for a signature directly",
  },
  {
    pattern: /\basked who\b|\bof before\b/,
    not: "each new document is also asked who of before vouches for it",
    but: "each new document must be vouched for by a key that we already trust",
  },
  {
    pattern: /\bwho (was|is) (slower|faster|later)\b|\bnothing is lost\b/,
    not: "who was slower is told so, and nothing is lost",
    but: "a concurrent edit is rejected, never overwritten",
  },
  { pattern: /\bpoints? by name\b/, not: "everything points by name", but: "entries refer to each other by name" },
  {
    pattern: /\bgo(es)? by\b/,
    not: "a request never goes by a reading that is older than 60 s",
    but: "no request uses a policy that was read more than 60 s ago",
  },
  {
    pattern: /\bone that is added\b/,
    not: "The first begins; one that is added signs once its canary is out",
    but: "The first certificate signs from the start; an added one signs after its canary succeeds",
  },
  {
    pattern: /\bdoors?\b/,
    not: "private endpoints and no other door",
    but: "reachable only through private endpoints",
  },
  { pattern: /\bhas to follow\b/, not: "nothing of the state has to follow", but: "no data needs migrating" },
  {
    pattern: /^#+ (is it right\?|back and away|before)$/,
    not: "## Is it right?",
    but: "## Check the deployment\n\nBefore",
  },
  { pattern: /\bas it must be\b/, not: "not called as it must be", but: "usage error" },
  { pattern: /\bdone nothing yet\b/, not: "Would, and has done nothing yet", but: "Dry run. It would" },
  {
    pattern: /\bit has for example\b/,
    not: "remedy: it has for example billing-service",
    but: "known callers: billing-service",
  },
  {
    pattern: /\bbehind \w+(['’]s)? backs?\b/,
    not: "an attacker signs behind Keyhold's back",
    but: "an attacker signs without Keyhold",
  },
  { pattern: /\bto the letter\b/, not: "a scope is compared to the letter", but: "a scope must match exactly" },
  {
    pattern: /\b(be|been|being) left alone\b/,
    not: "the vault asked to be left alone",
    but: "the vault sent Retry-After",
  },
  {
    pattern: /\bwhatever becomes of\b/,
    not: "it answers whatever becomes of the rest",
    but: "it answers even if the rest fails",
  },
  {
    pattern: /\bpull(s|ed)? (a|the) switch\b/,
    not: "somebody pulled the switch",
    but: "somebody disabled the key version on purpose",
  },
  {
    pattern: /\b(is|are) out live on\b|\blives? on until\b/,
    not: "tokens that are out live on until they expire",
    but: "tokens that were already issued stay valid until they expire",
  },
  { pattern: /\banew\b/, not: "idp.xml is signed anew", but: "idp.xml is signed again" },
  { pattern: /\bthe way of (a|an|one|the)\b/, not: "the way of a token", but: "how a token is issued" },
  {
    pattern: /\b(whoever|who) (is|was) (on call|woken)\b/,
    not: "tell whoever is on call",
    but: "inform the engineer on call",
  },
  {
    pattern: /\b(nobody|nothing|no one) can call back\b/,
    not: "a token that nobody can call back",
    but: "a token, which cannot be revoked",
  },
  {
    pattern: /\b(stands|lies|lie) in (?!for\b)/,
    not: "the id stands in the record, which lies in storage",
    but: "the id is in the record, which is in storage; the fake stands in for the vault",
  },
  {
    pattern: /\b(stand|stands) on (the|them|events|what)\b/,
    not: "alerts that stand on the log",
    but: "alerts that depend on the log",
  },
  { pattern: /\bin other hands\b/, not: "a key in other hands", but: "a key that somebody else uses" },
  {
    pattern: /\bwhat (became|becomes) of\b/,
    not: "what became of the certificates",
    but: "the states of the certificates",
  },
  {
    pattern: /\bbehind (the|its|their) answers?\b/,
    not: "the outcome is written behind the answer",
    but: "the outcome is written after the answer",
  },
  {
    pattern: /\bwhatever state\b/,
    not: "in force whatever state the policy is in",
    but: "in force even if the policy is broken",
  },
  { pattern: /\b(he|him|his|himself)\b/, not: "what he sees", but: "what they see; the host shows this" },
];

const root = fileURLToPath(new URL("../..", import.meta.url));
const places = [
  "*.{md,ts,yaml}",
  ".ci/*",
  ".devcontainer/*",
  ".github/**/*",
  "{src,local,clients,infra,docs,bench}/**/*",
];
const images = /\.(png|svg)$/;

/** Every file that people read, by its path from the root. Tests are not among them. */
export function readFiles(): Map<string, string> {
  const names = globSync(places, {
    cwd: root,
    exclude: ["bench/results/**", "infra/main.json", "infra/main.snapshot.json"],
  });
  const files = names.filter((name) => !images.test(name) && statSync(join(root, name)).isFile()).sort();
  return new Map(files.map((name) => [name, readFileSync(join(root, name), "utf8")]));
}

const commentOrString = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|'(?:\\.|[^'\\\n])*'/g;

/** What of a file is prose: of code its comments, and strings of more than one word; nowhere names in backquotes. */
export function proseOf(name: string, text: string): string {
  if (extname(name) === ".md") return withoutNames(text.replace(/\]\([^)\s]*\)/g, "]"));
  if (!/\.(ts|mjs|bicep|kql)$/.test(name)) return withoutNames(text);
  const found = (text.match(commentOrString) ?? []).map((part) =>
    part.startsWith("`") ? part.slice(1, -1).replace(/\$\{[^}]*\}/g, "x") : withoutNames(part),
  );
  return found.filter((part) => /\s/.test(part)).join("\n");
}

const withoutNames = (text: string) => text.replace(/(?<!`)`[^`\n]+`(?!`)/g, "x");

/** What is found in a text, with what to write instead. */
export function wordsIn(prose: string): string[] {
  return wordRules.flatMap(({ pattern, but }) => {
    const acrossLines = new RegExp(pattern.source.replaceAll(" ", String.raw`(?:\s|\*|//|#)+`), "gim");
    return [...prose.matchAll(acrossLines)].map(([found]) => `"${found.replace(/\s+/g, " ")}", write e.g. "${but}"`);
  });
}
