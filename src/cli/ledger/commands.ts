import { type Command, Option } from "commander";
import { type LedgerQuery, queryOfId } from "../../domain/audit/ledger-search.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";
import { type SignOutcome, signPurposes } from "../../domain/signing/ledger.ts";
import { CommandProblem, exitCodes } from "../command-problem.ts";
import type { CommandContext, Connection } from "../connection.ts";
import { parseCount, parseTime, requireGuid } from "../options.ts";
import { type EntryKind, requireEntry } from "../policy/find-entry.ts";
import { type LoadedPolicy, loadPolicy } from "../policy/load-policy.ts";
import { followLedger } from "./follow.ts";
import { type LedgerFormat, listLedger } from "./list.ts";
import type { NameOf } from "./row.ts";

const outcomes = [
  "issued",
  "handed_out",
  "published",
  "rejected",
  "exchange_failed",
  "signature_discarded",
  "not_signed",
  "maybe_signed",
  "open",
] as const satisfies readonly (SignOutcome["outcome"] | "open")[];

interface LedgerOptions {
  since: string;
  until?: string;
  caller?: string;
  tenant?: string;
  client?: string;
  purpose?: (typeof signPurposes)[number];
  outcome?: (typeof outcomes)[number];
  id?: string;
  limit: number;
  follow?: true;
  csv?: true;
  jsonl?: true;
}

/** `ledger`: lists rows of the ledger by time, caller, client, tenant, purpose and outcome, or follows it. */
export function addLedgerCommand(program: Command, { run, clock, output, pause, progress }: CommandContext): void {
  program
    .command("ledger")
    .description("Lists who got what, when, and with what outcome: every signature has a row. Newest first.")
    .option("--since <time>", "an age (15m, 24h, 7d) or ISO 8601", "24h")
    .option("--until <time>", "the same; without it, now")
    .option("--caller <name|objectId>", "names as in the current policy; ids also of removed entries")
    .option("--tenant <name|id>", "the customer tenant")
    .option("--client <name|clientId>", "the application")
    .addOption(new Option("--purpose <purpose>", "what was signed for").choices(signPurposes))
    .addOption(new Option("--outcome <outcome>", "open: not known").choices(outcomes))
    .option("--id <id>", "one row, by the correlation id in Entra's sign-in log")
    .option("--limit <rows>", "most rows", parseCount, 100)
    .option("--follow", "keep running and print new rows as they arrive; Ctrl-C ends it")
    .addOption(new Option("--csv", "all columns for a spreadsheet, safe against formulas").conflicts("jsonl"))
    .option("--jsonl", "one JSON document a line, as they come")
    .addHelpText(
      "after",
      `
Examples:
  keyhold ledger --tenant contoso --since 7d --outcome rejected
  keyhold ledger --caller billing-service --since 2026-01-01 --until 2026-02-01 --limit 1000000 --csv > january.csv

Needs: to read the ledger (Storage Table Data Reader), and the policy for names.
It holds no tokens, only their SHA-256. Exit code 1: rows were found that Keyhold did not write.`,
    )
    .action((options: LedgerOptions) =>
      run(async (connect, isJson) => {
        const connection = connect();
        const format: LedgerFormat = options.csv ? "csv" : options.jsonl ? "jsonl" : isJson ? "json" : "table";
        const policy = await policyFor(connection, options);
        const query = queryOf(options, policy, clock());
        const { ledger } = connection;
        const nameOf = namesOf(policy);
        if (!options.follow) return { exit: await listLedger(query, { ledger, nameOf, format, output, progress }) };
        if (format === "json")
          throw usage("--json with --follow", "give --jsonl: --follow cannot print a single document");
        await followLedger(query, { ledger, nameOf, format, output, clock, pause });
        return { exit: exitCodes.fine };
      }),
    );
}

const kinds = ["caller", "tenant", "client"] as const satisfies EntryKind[];

/** Reads the policy. It is required if an option has a name; otherwise it only serves to show names. */
async function policyFor(connection: Connection, options: LedgerOptions): Promise<LoadedPolicy | undefined> {
  const isNeeded = kinds.some((kind) => options[kind] !== undefined && parseGuid(options[kind]) === undefined);
  const loaded = loadPolicy(connection.policyPlace, connection.policyContext);
  return isNeeded ? loaded : loaded.catch(() => undefined);
}

function queryOf(options: LedgerOptions, policy: LoadedPolicy | undefined, nowMs: number): LedgerQuery {
  if (options.id !== undefined) return queryOfId(requireGuid("--id", options.id));
  const { purpose, outcome, limit } = options;
  const idOf = (kind: EntryKind): Guid | undefined => {
    const given = options[kind];
    if (given === undefined) return undefined;
    return parseGuid(given) ?? (policy && requireEntry(policy.document, kind, given).id);
  };
  const [callerObjectId, tenantId, clientId] = kinds.map(idOf);
  const fromMs = parseTime("--since", options.since, nowMs);
  const toMs = options.until === undefined ? nowMs + 60_000 : parseTime("--until", options.until, nowMs);
  if (toMs <= fromMs) throw usage("--until", "give one that is later than --since");
  return {
    fromMs,
    toMs,
    limit,
    newestFirst: !options.follow,
    ...(callerObjectId && { callerObjectId }),
    ...(tenantId && { tenantId }),
    ...(clientId && { clientId }),
    ...(purpose && { purpose }),
    ...(outcome && { outcome }),
  };
}

function namesOf(policy: LoadedPolicy | undefined): NameOf {
  return (id) => {
    const guid = parseGuid(id);
    if (!policy || guid === undefined) return undefined;
    return (policy.policy.tenants.get(guid) ?? policy.policy.clients.get(guid))?.name;
  };
}

function usage(where: string, remedy: string): CommandProblem {
  return new CommandProblem("usage", `${where} is not usable here`, { where, remedy });
}
