import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { type Announcement, longestAnnouncementMs } from "../../domain/audit/notes.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import type { CommandContext, Connection } from "../connection.ts";
import { parseCount, requireGuid } from "../options.ts";
import { isoTime, printable } from "../printable.ts";
import { changeNotes } from "./notes.ts";

/** `rotation announce`: planned work with a key does not page. */
export function addRotationCommands(program: Command, { run, clock }: CommandContext): void {
  program
    .command("rotation")
    .description("planned work with keys")
    .command("announce")
    .description(
      "Announces that an operator signs with a key from now on, for a new certificate. The audit reports it as a line and " +
        "not as foreign_identity.",
    )
    .requiredOption("--operator <objectId>", "the object id of whoever will run add-certificate")
    .requiredOption("--key <name>", "the key that they will sign with")
    .requiredOption("--reason <text>", "what is planned")
    .option("--minutes <n>", "how long, an hour at most", parseCount, 60)
    .addHelpText(
      "after",
      `
Examples:
  keyhold rotation announce --operator 40000000-0000-4000-8000-000000000001 --key orders-app --reason "yearly rotation"

Prints the suppression rule of Azure Monitor for the alert that reads the vault's log directly. Run it, or be paged.
Needs: to write the policy's container (Storage Blob Data Contributor). The announcement is an alert of low severity.`,
    )
    .action((options: AnnounceOptions) => run(async (connect) => announce(connect(), options, clock())));
}

interface AnnounceOptions {
  operator: string;
  key: string;
  reason: string;
  minutes: number;
}

async function announce(connection: Connection, options: AnnounceOptions, nowMs: number): Promise<Report> {
  const operatorObjectId = requireGuid("--operator", options.operator);
  const { key: keyName, reason, minutes } = options;
  if (minutes * 60_000 > longestAnnouncementMs) {
    throw badOption("--minutes is more than an hour", "--minutes", "give 60 at most, and announce longer work again");
  }
  if (!/^[0-9a-zA-Z-]{1,127}$/.test(keyName)) {
    throw badOption("--key is not the name of a key", "--key", "give letters, digits and hyphens, 127 at most");
  }
  const toMs = nowMs + minutes * 60_000;
  const entry: Announcement = {
    operatorObjectId,
    keyName,
    from: new Date(nowMs).toISOString(),
    to: new Date(toMs).toISOString(),
    by: await connection.operatorName(),
    at: new Date(nowMs).toISOString(),
    reason: reason.slice(0, 500),
  };
  await changeNotes(connection.notesPlace, nowMs, (document) => {
    return { ...document, announcements: [...document.announcements, entry] };
  });
  const rule = suppressionRule(connection.config.vaultResourceId, operatorObjectId, keyName, nowMs, toMs);
  const lines = [
    `Announced in ${printable(connection.notesPlace.name)}: ${operatorObjectId} signs with ${keyName} until ${isoTime(toMs)}.`,
    "The alert foreign-signer reads the vault's log itself and still pages. This suppresses it for that operator and key:",
    ...["", rule],
  ];
  return { exit: exitCodes.fine, text: lines.join("\n"), json: { ...entry, suppressionRule: rule } };
}

/** Of Azure Monitor ("alert processing rule"): the alert's dimensions stand in its context. */
function suppressionRule(vault: string | undefined, operator: Guid, key: string, fromMs: number, toMs: number): string {
  const [, , subscription, , group] = (vault ?? "").split("/");
  const at = (timeMs: number) => isoTime(timeMs).slice(0, 19).replace("T", " ");
  return [
    `az monitor alert-processing-rule create --name rotation-${randomUUID().slice(0, 8)} --rule-type RemoveAllActionGroups`,
    `  --resource-group ${group ?? "<group>"} --scopes /subscriptions/${subscription ?? "<subscription>"}/resourceGroups/${group ?? "<group>"}`,
    "  --filter-alert-rule-name Contains vault-0",
    `  --filter-alert-context Contains '"${key.toLowerCase()}"},{"name":"Client","value":"-"},{"name":"Caller","value":"${operator}"'`,
    `  --schedule-start-datetime '${at(fromMs)}' --schedule-end-datetime '${at(toMs + longestAnnouncementMs)}'`,
  ].join(" \\\n");
}

function badOption(what: string, where: string, remedy: string): CommandProblem {
  return new CommandProblem("usage", what, { where, remedy });
}
