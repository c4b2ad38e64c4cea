import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { analyse } from "../../local/kusto/language.ts";
import { alerts } from "./alert-definitions.ts";
import { problemsOfNames } from "./kql-names.ts";

const runbook = await readFile(new URL("../../docs/operate/runbook.md", import.meta.url), "utf8");
const parts = ["Means", "Confirm", "Do", "Stand down"];
const commands =
  /^keyhold (doctor|stop|suspensions|ledger|explain|(tenant|caller|client) suspend|tenant refresh|client add-certificate|metadata (status|refresh)|policy check|findings (list|acknowledge)|rotation announce)\b/;

/** Most queries are the same in all tests. */
const analysed = new Map<string, string[]>();

function problemsOfQuery(query: string): string[] {
  const problems = analysed.get(query) ?? [...analyse(query).problems, ...problemsOfNames(query)];
  analysed.set(query, problems);
  return problems;
}

/** What the reader would not find, or not as the alert says. */
function problemsOf(text: string): string[] {
  const rows = new Map(
    [...text.matchAll(/^\| \[([\w-]+)\]\(#\1\) \| (\d) \| ([^|]+) \|$/gm)].map((row) => [row[1], row]),
  );
  const sections = new Map(
    [...text.matchAll(/^### ([a-z-]+)\n([\s\S]*?)(?=^##|$(?![\s\S]))/gm)].map((found) => [found[1], found[2] ?? ""]),
  );
  const anchors = new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => anchorOf(title)));
  const known = new Set(alerts.map(({ id }) => id));
  return [
    ...alerts.flatMap(({ id, severity, standsOn }) => {
      const row = rows.get(id);
      if (!row) return [`${id} is not in the table`];
      const stands = row[3] === standsOn ? [] : [`${id} stands on ${standsOn}`];
      return Number(row[2]) === severity ? stands : [...stands, `${id} has severity ${severity}`];
    }),
    ...[...rows.keys()].flatMap((id = "") => (known.has(id) ? [] : [`no alert is called ${id}`])),
    ...alerts.flatMap(({ id }) => problemsOfSection(id, sections.get(id))),
    ...[...sections.keys()].flatMap((id = "") => (known.has(id) ? [] : [`the section ${id} has no alert`])),
    ...[...text.matchAll(/\]\(#([^)]+)\)/g)].flatMap(([, to = ""]) =>
      anchors.has(to) ? [] : [`#${to} leads nowhere`],
    ),
    ...[...text.matchAll(/```kusto\n([\s\S]*?)```/g)].flatMap(([, query = ""]) => problemsOfQuery(query)),
    ...[...text.matchAll(/(?:^|`)(keyhold [^`\n]+)/gm)].flatMap(([, command = ""]) =>
      commands.test(command) ? [] : [`there is no command ${command}`],
    ),
  ];
}

function problemsOfSection(id: string, section: string | undefined): string[] {
  if (section === undefined) return [`${id} has no section`];
  const found = [...section.matchAll(/^\*\*([^*]+)\.\*\*/gm)].map((match) => match[1]);
  const isWhole = found.join() === parts.join() && /```(kusto|console)\n/.test(section);
  return isWhole ? [] : [`${id} does not say ${parts.join(", ")}`];
}

/** As GitHub does. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w\s-]/g, "")
    .replaceAll(" ", "-");
}

describe("docs/operate/runbook.md", () => {
  test("has a row and a section for every alert and for nothing else, with queries that work", () => {
    assert.deepEqual(problemsOf(runbook), []);
  });

  test("keeps its lines short enough for a small screen", () => {
    assert.deepEqual(
      runbook.split("\n").filter((line) => line.length > 120),
      [],
    );
  });

  const seeded: [fault: string, text: string, expected: RegExp][] = [
    [
      "a section that is missing",
      runbook.replace("### open-intents", "### open-intent"),
      /open-intents has no section/,
    ],
    ["a section too many", runbook.replace("### open-intents", "### open-intent"), /open-intent has no alert/],
    ["a row that is missing", runbook.replace(/^\| \[missing-record\].*\n/m, ""), /not in the table/],
    ["another severity", runbook.replace(/(#foreign-signer\) \|) 0/, "$1 2"), /foreign-signer has severity 0/],
    ["another source", runbook.replace("| vault's metric |", "| app's events |"), /stands on vault's metric/],
    ["a section without an end", runbook.replace("**Stand down.**", "**Done.**"), /does not say/],
    ["a link that leads nowhere", runbook.replace("](#stop-a-key)", "](#stop-key)"), /#stop-key leads nowhere/],
    ["a query that is in error", runbook.replace("| order by", "| ordr by"), /KS/],
    ["a query of an event that is not sent", runbook.replace('"sign_audit_failed"', '"sign_audit_faild"'), /faild/],
    ["a command that does not exist", runbook.replace("keyhold doctor", "keyhold docter"), /no command keyhold docter/],
  ];
  for (const [fault, text, expected] of seeded) {
    test(`${fault} is found`, () => {
      assert.notEqual(text, runbook);
      assert.match(problemsOf(text).join("\n"), expected);
    });
  }
});
