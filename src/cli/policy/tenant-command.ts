import type { Command } from "commander";
import { errorClass } from "../../adapters/azure/error.ts";
import { compileSuspensions } from "../../domain/policy/suspensions.ts";
import { adminConsentUrlOf, clouds } from "../../domain/shared/cloud.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";
import { parseScope, type Scope } from "../../domain/shared/scope.ts";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import type { CommandContext, Connection } from "../connection.ts";
import { requireGuid } from "../options.ts";
import { duration, printable } from "../printable.ts";
import { loadSuspensions } from "../suspensions/place.ts";
import type { ValidPolicy } from "./difference.ts";
import { addEntry } from "./entries.ts";
import { explain } from "./explain.ts";
import { requireEntry } from "./find-entry.ts";
import { loadPolicy } from "./load-policy.ts";
import type { TokenAnswer, TokenQuestion } from "./request-token.ts";

interface TenantAddOptions {
  name: string;
  client?: string;
  caller?: string;
  scope?: string;
  firstToken?: true;
  callerIdentity?: string;
  dryRun?: true;
}

/** `tenant add`: adds a customer, up to its first token. */
export function addTenantCommand(tenant: Command, context: CommandContext): void {
  tenant
    .command("add")
    .description("Adds a customer tenant, prints its consent link, checks a grant, and can get a first token.")
    .argument("<tenant-id>", "of the customer's directory")
    .requiredOption("--name <name>", "its name in the policy, the ledger and the logs")
    .option("--client <name|clientId>", "the application that it consents to; without it, all of them")
    .option("--caller <name|objectId>", "with --client and --scope: check whether this caller would get a token")
    .option("--scope <scope>", "<resource>/.default")
    .option(
      "--first-token",
      "then request a token from Keyhold as the caller, whose managed identity must be available here",
    )
    .option("--caller-identity <client-id>", "of the caller's managed identity; without it, the azp of its entry")
    .option("--dry-run", "dry run: print what would change")
    .addHelpText(
      "after",
      `
Examples:
  keyhold tenant add 40000000-0000-4000-8000-000000000004 --name litware --client orders-app
  keyhold tenant add 40000000-0000-4000-8000-000000000004 --name litware --client orders-app \\
    --caller billing-service --scope https://${clouds.public.graphHost}/.default --first-token

Adding a tenant that is there already is success, so the command can be repeated after the customer has consented.
Needs: to write the policy (Storage Blob Data Contributor on its container); with --first-token to run where the caller's
managed identity is. Exit code 1: the caller would be refused, or no token came.`,
    )
    .action((tenantId: string, options: TenantAddOptions) =>
      context.run(async (connect) => {
        const id = requireGuid("<tenant-id>", tenantId);
        const check = checkOf(options);
        return addTenant(id, options, check, connect(), context);
      }),
    );
}

interface Check {
  caller: string;
  client: string;
  scope: Scope;
}

/** The check to make; undefined if none was requested. */
function checkOf({ caller, client, scope: text, firstToken, dryRun }: TenantAddOptions): Check | undefined {
  const scope = text === undefined ? undefined : parseScope(text);
  if (caller !== undefined && client !== undefined && scope !== undefined && !(firstToken && dryRun)) {
    return { caller, client, scope };
  }
  if (caller === undefined && text === undefined && !firstToken) return undefined;
  throw new CommandProblem("usage", "The options for the check are incomplete", {
    where: "--caller, --client, --scope, --first-token",
    remedy: "give --caller, --client and --scope <resource>/.default together; --first-token not with --dry-run",
  });
}

async function addTenant(
  id: Guid,
  options: TenantAddOptions,
  check: Check | undefined,
  connection: Connection,
  context: CommandContext,
): Promise<Report> {
  const { policyPlace: place, policyContext, suspensionsPlace } = connection;
  const { name, dryRun = false } = options;
  // All checks run before anything is written.
  const { document: before } = await loadPolicy(place, policyContext);
  const client = options.client === undefined ? undefined : requireEntry(before, "client", options.client);
  const caller = check && requireEntry(before, "caller", check.caller);
  const target = { place, context: policyContext, dryRun };
  const { report, valid } = await addEntry(
    "tenant",
    { id, name, value: { name, tenantId: id, state: "active" } },
    target,
  );
  const links = consentLinks(valid, id, client?.id, connection);
  const lines = [report.text, "Consent: an administrator of the tenant opens", ...links.map((link) => `  ${link}`)];
  const json = { ...(report.json as object), consentUrls: links };
  if (!check || !caller || !client) return { exit: exitCodes.fine, text: lines.join("\n"), json };
  const { document } = valid;
  const subjects = { caller, client, tenant: { name, id } };
  const suspensions = compileSuspensions(await loadSuspensions(suspensionsPlace));
  const question = { ask: { issues: "token" as const, scope: check.scope }, homeTenantId: policyContext.homeTenantId };
  const explained = explain({ document, suspensions }, question, subjects, policyContext);
  const checked = {
    exit: explained.exit,
    text: [...lines, explained.text].join("\n"),
    json: { ...json, check: explained.json },
  };
  if (!options.firstToken || explained.exit !== exitCodes.fine) return checked;
  const { azp } = valid.policy.callers.get(subjects.caller.id) ?? {};
  const callerIdentity = options.callerIdentity === undefined ? azp : parseGuid(options.callerIdentity);
  if (callerIdentity === undefined) throw noIdentity(subjects.caller.name);
  const asked = { tenantId: id, clientId: subjects.client.id, scope: check.scope, callerIdentity };
  const answer = await firstToken(asked, connection, context);
  const exit = answer.issued ? exitCodes.fine : exitCodes.wrong;
  return {
    exit,
    text: [checked.text, describeAnswer(answer)].join("\n"),
    json: { ...checked.json, firstToken: answer },
  };
}

function consentLinks(
  { policy }: ValidPolicy,
  tenantId: Guid,
  clientId: Guid | undefined,
  connection: Connection,
): string[] {
  const { cloud } = connection.policyContext;
  const clients = [...policy.clients.values()].filter(({ isActive }) => isActive);
  const named = clients.filter((each) => clientId === undefined || each.clientId === clientId);
  return named.map((each) => adminConsentUrlOf(cloud, tenantId, each.clientId));
}

/** Instances read the policy within 60 s; until then they refuse. */
const inForceMs = 75_000;
const pauseMs = 5_000;

async function firstToken(
  question: TokenQuestion,
  { requestToken }: Connection,
  { clock, pause, progress }: CommandContext,
): Promise<TokenAnswer> {
  const startedMs = clock();
  for (;;) {
    const waited = `${Math.round((clock() - startedMs) / 1000)} s of ${inForceMs / 1000} s at most`;
    progress(`asking for a first token, until every instance has read the policy: ${waited}`);
    let answer: TokenAnswer;
    try {
      answer = await requestToken(question);
    } catch (error) {
      throw new CommandProblem("unavailable", `No token could be requested (${errorClass(error)})`, {
        where: "the caller's managed identity, or KEYHOLD_PUBLIC_URL",
        remedy: "run it where the caller's managed identity is available and Keyhold can be reached",
      });
    }
    const isTooEarly = !answer.issued && (answer.error === "access_denied" || answer.status === 503);
    if (!isTooEarly || clock() - startedMs >= inForceMs || !(await pause(pauseMs))) return answer;
  }
}

function describeAnswer(answer: TokenAnswer): string {
  if (answer.issued)
    return `First token: issued, valid for ${duration(answer.expiresInSeconds * 1000)}. It was not stored.`;
  return `First token: none, ${answer.status} ${printable(answer.error)}: ${printable(answer.description, 600)}`;
}

function noIdentity(caller: string): CommandProblem {
  return new CommandProblem("usage", `The managed identity of ${printable(caller)} is not known`, {
    where: "--caller-identity",
    remedy: "give its client id, or add it to the entry of the caller as azp",
  });
}
