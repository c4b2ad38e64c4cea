import type { Command } from "commander";
import { suspendedKinds } from "../../domain/policy/suspensions.ts";
import { exitCodes, type Report } from "../command-problem.ts";
import type { CommandContext, Connection } from "../connection.ts";
import type { EntryKind } from "../policy/find-entry.ts";
import { printable, table } from "../printable.ts";
import { loadSuspensions } from "./place.ts";
import { resume, type SuspensionOptions, type SuspensionPorts, suspend } from "./suspend.ts";

const examples = { tenant: "contoso", caller: "billing-service", client: "orders-app" };
const idNames = { tenant: "tenant-id", caller: "object-id", client: "client-id" };

/** Adds `suspend` and `resume` to `tenant`, `caller` and `client`, and the command `suspensions`. */
export function addSuspensionCommands(
  program: Command,
  parents: Record<EntryKind, Command>,
  context: CommandContext,
): void {
  for (const kind of suspendedKinds) {
    addSuspend(parents[kind], kind, context);
    addResume(parents[kind], kind, context);
  }
  addList(program, context);
}

const replaceMalformed = "replace suspensions that are not valid; entries that can be read are kept";

function addSuspend(parent: Command, kind: EntryKind, context: CommandContext): void {
  parent
    .command("suspend")
    .description(
      "Refuses it everywhere within 60 s, cached tokens included, and prints which tokens are still valid. Writes the suspensions " +
        "beside the policy, and works even if the policy is broken.",
    )
    .argument(`<name|${idNames[kind]}>`, `which ${kind}; an id works even while the policy cannot be read`)
    .option("--reason <text>", "why, for those who read the suspensions")
    .option("--replace-malformed", replaceMalformed)
    .addHelpText(
      "after",
      `
Examples:
  keyhold ${kind} suspend ${examples[kind]} --reason "incident 4711"
  keyhold ${kind} suspend 40000000-0000-4000-8000-000000000001 --json

Needs: to write the policy's container (Storage Blob Data Contributor); to read the ledger (Storage Table Data Reader).
Suspending twice is success.`,
    )
    .action((nameOrId: string, options: SuspensionOptions) =>
      context.run(async (connection) => suspend(kind, nameOrId, options, portsOf(connection(), context))),
    );
}

function addResume(parent: Command, kind: EntryKind, context: CommandContext): void {
  parent
    .command("resume")
    .description("Withdraws the suspension: it is served again within 60 s, unless the policy itself suspends it.")
    .argument(`<name|${idNames[kind]}>`, `which ${kind}`)
    .option("--replace-malformed", replaceMalformed)
    .addHelpText(
      "after",
      `
Examples:
  keyhold ${kind} resume ${examples[kind]}
  keyhold ${kind} resume 40000000-0000-4000-8000-000000000001 --json

Needs: to write the policy's container (Storage Blob Data Contributor).
Exit code 1: the policy itself still suspends it.`,
    )
    .action((nameOrId: string, options: { replaceMalformed?: true }) =>
      context.run(async (connection) => resume(kind, nameOrId, options, portsOf(connection(), context))),
    );
}

function portsOf(connection: Connection, { clock, progress }: CommandContext): SuspensionPorts {
  const { policyPlace, suspensionsPlace, ledger, operatorName } = connection;
  return { policyPlace, suspensionsPlace, ledger, operatorName, progress, nowMs: clock() };
}

function addList(program: Command, { run }: CommandContext): void {
  program
    .command("suspensions")
    .description("Lists what is suspended beside the policy: who did it, when, and why.")
    .addHelpText(
      "after",
      `
Examples:
  keyhold suspensions
  keyhold suspensions --json

Needs: to read the policy's container (Storage Blob Data Reader). What the policy itself suspends is not listed.`,
    )
    .action(() => run(async (connection) => listSuspensions(connection())));
}

async function listSuspensions({ suspensionsPlace }: Connection): Promise<Report> {
  const { suspensions } = await loadSuspensions(suspensionsPlace);
  const rows = suspensions.map(({ kind, id, at, by, reason = "-" }) => [
    kind,
    id,
    at,
    printable(by),
    printable(reason),
  ]);
  const text = rows.length === 0 ? "Nothing is suspended." : table([["KIND", "ID", "SINCE", "BY", "WHY"], ...rows]);
  return { exit: exitCodes.fine, text, json: suspensions };
}
