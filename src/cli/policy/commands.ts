import { type Command, Option } from "commander";
import type { Ask } from "../../domain/policy/access-policy.ts";
import type { PolicyDocument } from "../../domain/policy/document.ts";
import { compileSuspensions } from "../../domain/policy/suspensions.ts";
import { clouds } from "../../domain/shared/cloud.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";
import { parseScope } from "../../domain/shared/scope.ts";
import { CommandProblem } from "../command-problem.ts";
import type { CommandContext } from "../connection.ts";
import { loadSuspensions } from "../suspensions/place.ts";
import { checkPolicy } from "./check.ts";
import { addEditCommands } from "./edit-commands.ts";
import { explain } from "./explain.ts";
import { type EntryKind, findEntry, requireEntry } from "./find-entry.ts";
import { loadPolicy } from "./load-policy.ts";
import type { Subjects } from "./obstacle.ts";
import { filePlace } from "./policy-place.ts";
import { addPublishCommands, offlineContext } from "./publish-commands.ts";
import { refreshTenant } from "./refresh-tenant.ts";

/**
 * Adds `policy check`, `diff` and `publish`, `explain`, `tenant refresh`, and the commands that edit entries and
 * grants. Returns the commands to which others add subcommands.
 */
export function addPolicyCommands(program: Command, context: CommandContext): Record<EntryKind, Command> {
  addPolicyCheck(program, context);
  addExplain(program, context);
  const [tenant, caller, client] = (["tenant", "caller", "client"] as const).map((kind) =>
    program.command(kind).description(`${kind}s of the policy`),
  ) as [Command, Command, Command];
  addRefreshTenant(tenant, context);
  addEditCommands(program, { tenant, caller, client }, context);
  return { tenant, caller, client };
}

function addPolicyCheck(program: Command, context: CommandContext): void {
  const { run, clock } = context;
  const policy = program.command("policy").description("the policy: who may get what");
  addPublishCommands(policy, context);
  policy
    .command("check")
    .description("Reports all problems of a policy, by path, or summarises it. Changes nothing.")
    .argument("[file]", "a policy that is not in force yet; without it, the one that the settings name")
    .option("--home-tenant <id>", "with a file: check it without the app's settings, for example in a pipeline")
    .addOption(new Option("--cloud <name>", "with --home-tenant").choices(Object.keys(clouds)).default("public"))
    .addHelpText(
      "after",
      `
Examples:
  keyhold policy check
  keyhold policy check policy.json --home-tenant 10000000-0000-4000-8000-000000000001

Needs: to read the policy (Storage Blob Data Reader on its container); with a file, nothing.`,
    )
    .action((file: string | undefined, options: { homeTenant?: string; cloud: keyof typeof clouds }) =>
      run(async (connection) => {
        const offline = file === undefined ? undefined : offlineContext(options, clock());
        if (offline && file !== undefined) return checkPolicy(filePlace(file), offline);
        const { policyPlace, policyContext } = connection();
        return checkPolicy(file === undefined ? policyPlace : filePlace(file), policyContext);
      }),
    );
}

interface ExplainOptions {
  caller: string;
  client: string;
  tenant: string;
  scope?: string;
  assertion?: true;
}

function addExplain(program: Command, { run }: CommandContext): void {
  program
    .command("explain")
    .description("Reports whether a caller would get a token, or what prevents it and what to add to the policy.")
    .requiredOption("--caller <name|objectId>", "the internal service that asks")
    .requiredOption("--client <name|clientId>", "the application that it asks to act as")
    .requiredOption("--tenant <name|id>", "the customer tenant")
    .option("--scope <scope>", "<resource>/.default")
    .option("--assertion", "ask for an assertion instead of a token")
    .addHelpText(
      "after",
      `
Examples:
  keyhold explain --caller billing-service --client orders-app --tenant contoso --scope https://${clouds.public.graphHost}/.default
  keyhold explain --caller sync-service --client orders-app --tenant contoso --assertion

Needs: to read the policy. It asks neither the vault nor Entra, and evaluates with the app's own code.`,
    )
    .action((options: ExplainOptions) =>
      run(async (connection) => {
        const ask = askOf(options);
        const { policyPlace, suspensionsPlace, policyContext } = connection();
        const { document } = await loadPolicy(policyPlace, policyContext);
        const suspensions = compileSuspensions(await loadSuspensions(suspensionsPlace));
        const question = { ask, homeTenantId: policyContext.homeTenantId };
        return explain({ document, suspensions }, question, subjectsOf(document, options), policyContext);
      }),
    );
}

function askOf({ scope: text, assertion }: ExplainOptions): Ask {
  if (assertion) return { issues: "assertion" };
  const scope = text === undefined ? undefined : parseScope(text);
  if (scope !== undefined) return { issues: "token", scope };
  throw new CommandProblem("usage", text === undefined ? "There is no scope" : "The scope is not valid", {
    where: "--scope",
    remedy: `give <resource>/.default, for example https://${clouds.public.graphHost}/.default, or --assertion`,
  });
}

/**
 * The entries that the question is about; an id need not be in the policy.
 * @throws CommandProblem with every name that is unknown.
 */
function subjectsOf(document: PolicyDocument, options: ExplainOptions): Subjects {
  const problems: CommandProblem[] = [];
  const subject = (kind: EntryKind) => {
    const given = options[kind];
    const id = parseGuid(given);
    try {
      if (id === undefined) return requireEntry(document, kind, given);
      return findEntry(document, kind, given) ?? { name: `${kind}-${id.slice(0, 8)}`, id };
    } catch (error) {
      if (!(error instanceof CommandProblem)) throw error;
      problems.push(error);
      return { name: given, id: "" as Guid };
    }
  };
  const subjects = { caller: subject("caller"), client: subject("client"), tenant: subject("tenant") };
  const [first, ...others] = problems;
  if (!first) return subjects;
  if (others.length === 0) throw first;
  throw new CommandProblem("wrong", `${problems.length} names are unknown or ambiguous`, {
    where: "the policy",
    remedy: "give names or ids of entries",
    details: problems.map(({ message, remedy }) => `${message}; ${remedy}`),
  });
}

function addRefreshTenant(tenant: Command, { run, clock }: CommandContext): void {
  tenant
    .command("refresh")
    .description("Discards the tenant's cached tokens everywhere within 60 s, after new consent or an incident.")
    .argument("<name|tenant-id>", "which tenant")
    .addHelpText(
      "after",
      `
Examples:
  keyhold tenant refresh contoso
  keyhold tenant refresh 40000000-0000-4000-8000-000000000001 --json

Sets tokensNotBefore in the policy where it lies, and changes nothing else of its text.
Needs: to write the policy (Storage Blob Data Contributor on its container).`,
    )
    .action((nameOrId: string) =>
      run(async (connection) => {
        const { policyPlace: place, policyContext: context } = connection();
        return refreshTenant(nameOrId, { place, context, nowMs: clock() });
      }),
    );
}
