import type { Command } from "commander";
import type { OpenFinding } from "../../domain/audit/findings.ts";
import { type Acknowledgement, noteOn } from "../../domain/audit/notes.ts";
import { openForMs } from "../../domain/audit/open-findings.ts";
import type { AuditStore } from "../../domain/audit/ports.ts";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import type { CommandContext, Connection } from "../connection.ts";
import { isoTime, plural, printable, table } from "../printable.ts";
import { changeNotes, loadNotes } from "./notes.ts";

/** `findings list` and `findings acknowledge`. */
export function addFindingsCommands(program: Command, context: CommandContext): void {
  const findings = program.command("findings").description("what the audit of signatures has found");
  addList(findings, context);
  addAcknowledge(findings, context);
}

function addList(parent: Command, { run, clock }: CommandContext): void {
  parent
    .command("list")
    .description("Lists the open findings of the last 90 days, with the notes on them.")
    .option("--all", "those that were acknowledged or announced too")
    .addHelpText(
      "after",
      `
Examples:
  keyhold findings list
  keyhold findings list --all --json

Needs: to read the audit table (Storage Table Data Reader) and the policy's container (Storage Blob Data Reader).
Exit code 1: there are open ones.`,
    )
    .action((options: { all?: true }) => run(async (connect) => list(connect(), options.all === true, clock())));
}

async function list({ auditStore, notesPlace }: Connection, isAll: boolean, nowMs: number): Promise<Report> {
  const notes = await loadNotes(notesPlace);
  const found = (await openFindings(auditStore, nowMs)).map((finding) => ({
    finding,
    note: noteOn(finding, notes),
  }));
  const open = found.filter(({ note }) => !note);
  const rows = (isAll ? found : open).map(({ finding, note }) => [
    ...[finding.id, `${finding.severity}`, finding.kind, isoTime(finding.timeMs), `${finding.count ?? 1}`],
    ...[
      printable(finding.keyName ?? "-"),
      printable(finding.callerObjectId ?? "-"),
      printable(finding.callerAddress ?? "-"),
    ],
    note ? printable(`${note.how} by ${note.notedBy}: ${note.note}`) : "open",
  ]);
  const head = ["ID", "SEVERITY", "FINDING", "TIME", "COUNT", "KEY", "CALLER", "ADDRESS", "STATE"];
  return {
    exit: open.length > 0 ? exitCodes.wrong : exitCodes.fine,
    text: rows.length > 0 ? table([head, ...rows]) : "No finding is open.",
    json: (isAll ? found : open).map(({ finding, note }) => ({ ...finding, note: note ?? null })),
  };
}

/** The open findings, the most severe first, then the oldest. */
async function openFindings(store: Pick<AuditStore, "openFindings">, nowMs: number): Promise<OpenFinding["finding"][]> {
  const open = (await store.openFindings(nowMs - openForMs)).map(({ finding }) => finding);
  return open.sort((a, b) => a.severity - b.severity || a.timeMs - b.timeMs);
}

function addAcknowledge(parent: Command, { run, clock }: CommandContext): void {
  parent
    .command("acknowledge")
    .description("Notes that you have explained findings: they are not reported again. The note is reported.")
    .argument("<id...>", "of the findings, from findings list")
    .requiredOption("--reason <text>", "why, for those who read it later")
    .option("--name <name>", "who you are; without it, the identity of your sign-in")
    .addHelpText(
      "after",
      `
Examples:
  keyhold findings acknowledge 0123456789abcdef0123456789abcdef --reason "drill of 2027-01-07"

Needs: to read the audit table (Storage Table Data Reader); to write the policy's container (Storage Blob Data
Contributor). The app's own identities cannot: whoever has taken them over cannot acknowledge their own theft.
A finding that grows by more rows is reported again.`,
    )
    .action((ids: string[], options: AcknowledgeOptions) =>
      run(async (connect) => acknowledge(connect(), ids, options, clock())),
    );
}

interface AcknowledgeOptions {
  reason: string;
  name?: string;
}

async function acknowledge(
  { auditStore, notesPlace, operatorName }: Connection,
  ids: readonly string[],
  { reason, name }: AcknowledgeOptions,
  nowMs: number,
): Promise<Report> {
  const open = new Map((await openFindings(auditStore, nowMs)).map((finding) => [finding.id, finding]));
  const unknown = ids.filter((id) => !open.has(id));
  if (unknown.length > 0) {
    throw new CommandProblem("wrong", `No finding that is open has the id ${printable(unknown.join(", "), 200)}`, {
      where: "the audit table",
      remedy: "give ids of findings that are open",
      command: "keyhold findings list",
    });
  }
  const signedIn = await operatorName();
  const by = (name === undefined ? signedIn : `${name} (${signedIn})`).slice(0, 200);
  const written = { by, at: new Date(nowMs).toISOString(), reason: reason.slice(0, 500) };
  const entries = ids.map((id): Acknowledgement => ({ id, count: open.get(id)?.count ?? 1, ...written }));
  await changeNotes(notesPlace, nowMs, (document) => {
    const others = document.acknowledgements.filter(({ id }) => !ids.includes(id));
    return { ...document, acknowledgements: [...others, ...entries] };
  });
  const text = `${plural(ids.length, "finding")} acknowledged in ${printable(notesPlace.name)}, as ${printable(by)}.`;
  return { exit: exitCodes.fine, text: `${text}\nThe next run of the audit reports it.`, json: entries };
}
