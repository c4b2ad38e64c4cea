import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { type Announcement, longestAnnouncementMs } from "../../domain/audit/notes.ts";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import type { CommandContext, Connection } from "../connection.ts";
import { parseCount, requireGuid } from "../options.ts";
import { isoTime, printable } from "../printable.ts";
import { createRest } from "../rest.ts";
import type { ResourceManager } from "../stop/stop-signing.ts";
import { changeNotes } from "./notes.ts";
import { commandOf, createSuppressionRule, type SuppressionRule, setRule } from "./suppression-rule.ts";

const deadlineMs = 60_000;

/** `rotation announce`: suppresses pages for planned work with a key. */
export function addRotationCommands(program: Command, { run, clock, progress }: CommandContext): void {
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
    .option("--yes", "also set the suppression rule of Azure Monitor, which is printed otherwise")
    .addHelpText(
      "after",
      `
Examples:
  keyhold rotation announce --operator 40000000-0000-4000-8000-000000000001 --key orders-app --reason "yearly rotation" --yes

The alert that reads the vault's log directly knows nothing of announcements: the suppression rule takes its mails for
that operator and key, and an hour more. Run the printed command, or give --yes, or be paged.
Needs: to write the policy's container (Storage Blob Data Contributor); for --yes Monitoring Contributor on the resource
group of the vault. The announcement is an alert of low severity, and the rule is one (alerts-changed).`,
    )
    .action((options: AnnounceOptions) =>
      run(async (connect, _isJson, operator) => {
        const connection = connect();
        const managementUrl = `https://${connection.policyContext.cloud.managementHost}`;
        const signal = AbortSignal.timeout(deadlineMs);
        const arm: ResourceManager = (request) => {
          progress("setting the rule at Azure Resource Manager");
          return createRest(operator(), `${managementUrl}/.default`).send(request, signal);
        };
        return announce(connection, options, clock(), (rule) => setRule(rule, arm, managementUrl));
      }),
    );
}

interface AnnounceOptions {
  operator: string;
  key: string;
  reason: string;
  minutes: number;
  yes?: true;
}

/** @param set creates the rule, and returns the HTTP status of the answer */
async function announce(
  connection: Connection,
  options: AnnounceOptions,
  nowMs: number,
  set: (rule: SuppressionRule) => Promise<number>,
): Promise<Report> {
  const operatorObjectId = requireGuid("--operator", options.operator);
  const { key: keyName, reason, minutes } = options;
  if (minutes * 60_000 > longestAnnouncementMs) {
    throw badOption("--minutes is more than an hour", "--minutes", "give 60 at most, and announce longer work again");
  }
  if (!/^[0-9a-zA-Z-]{1,127}$/.test(keyName)) {
    throw badOption("--key is not the name of a key", "--key", "give letters, digits and hyphens, 127 at most");
  }
  const { vaultResourceId } = connection.config;
  if (options.yes && vaultResourceId === undefined) {
    const remedy = "set it to the ARM id of the vault, or leave --yes out and run the printed command";
    throw badOption("KEYHOLD_VAULT_RESOURCE_ID is not set, so it is not known where the rule belongs", "--yes", remedy);
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
  const rule = createSuppressionRule(entry, vaultResourceId, `rotation-${randomUUID().slice(0, 8)}`);
  const status = options.yes && (await set(rule));
  const isSet = status !== undefined && status >= 200 && status < 300;
  const lines = [
    `Announced in ${printable(connection.notesPlace.name)}: ${operatorObjectId} signs with ${keyName} until ${isoTime(toMs)}.`,
    ...ruleLines(rule, status, isSet),
  ];
  return {
    exit: options.yes && !isSet ? exitCodes.wrong : exitCodes.fine,
    text: lines.join("\n"),
    json: { ...entry, suppressionRule: commandOf(rule), suppressed: isSet },
  };
}

function ruleLines(rule: SuppressionRule, status: number | undefined, isSet: boolean): string[] {
  const { name, groupId, toMs } = rule;
  if (isSet) return [`Set in ${printable(groupId, 300)} until ${isoTime(toMs)}: the alert processing rule ${name}.`];
  const why = status === undefined ? "" : `Azure Resource Manager answered ${status}, and no rule was set. `;
  return [
    `${why}The alert foreign-signer reads the vault's log itself and still pages. This suppresses it for that operator and key:`,
    ...["", commandOf(rule)],
  ];
}

function badOption(what: string, where: string, remedy: string): CommandProblem {
  return new CommandProblem("usage", what, { where, remedy });
}
