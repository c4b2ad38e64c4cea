import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { errorClass } from "../../adapters/azure/error.ts";
import { clouds } from "../../domain/shared/cloud.ts";
import { CommandProblem } from "../command-problem.ts";
import type { CommandContext, Connection } from "../connection.ts";
import { requireGuid } from "../options.ts";
import type { EditTarget } from "./edit-policy.ts";
import { addEntry, removeEntry } from "./entries.ts";
import type { EntryKind } from "./find-entry.ts";
import { addGrant, type GrantOptions, removeGrant } from "./grants.ts";
import { addTenantCommand } from "./tenant-command.ts";

const dryRun = "dry run: print what would change";
const needs =
  "Needs: to write the policy (Storage Blob Data Contributor on its container); with --dry-run, to read it.";

function editTargetOf({ policyPlace: place, policyContext: context }: Connection, isDryRun = false): EditTarget {
  return { place, context, dryRun: isDryRun };
}

/** Adds `add` and `remove` to `tenant`, `caller`, `client` and `grant`. Each prints the rights gained and lost. */
export function addEditCommands(program: Command, parents: Record<EntryKind, Command>, context: CommandContext): void {
  addTenantCommand(parents.tenant, context);
  addCallerAdd(parents.caller, context);
  addClientAdd(parents.client, context);
  addRemove(parents.tenant, "tenant", "contoso", context);
  addRemove(parents.caller, "caller", "billing-service", context);
  addRemove(parents.client, "client", "orders-app", context);
  const grant = program.command("grant").description("grants of the policy: who gets what");
  addGrantCommand(grant, "add", context);
  addGrantCommand(grant, "remove", context);
}

function addCallerAdd(caller: Command, { run }: CommandContext): void {
  caller
    .command("add")
    .description("Adds an internal service to the policy. Grants define what it gets.")
    .argument("<object-id>", "of the service principal of its managed identity (claim oid)")
    .requiredOption("--name <name>", "its name in the policy, the ledger and the logs")
    .option("--azp <client-id>", "of its identity (claim azp), if it is to be checked too")
    .option("--dry-run", dryRun)
    .addHelpText(
      "after",
      `
Examples:
  keyhold caller add 60000000-0000-4000-8000-000000000014 --name invoice-service
  keyhold caller add 60000000-0000-4000-8000-000000000014 --name invoice-service --dry-run

${needs}`,
    )
    .action((objectId: string, options: { name: string; azp?: string; dryRun?: true }) =>
      run(async (connect) => {
        const { name } = options;
        const id = requireGuid("<object-id>", objectId);
        const azp = options.azp === undefined ? {} : { azp: requireGuid("--azp", options.azp) };
        const connection = connect();
        const value = { name, tenantId: connection.policyContext.homeTenantId, objectId: id, ...azp };
        return (await addEntry("caller", { id, name, value }, editTargetOf(connection, options.dryRun))).report;
      }),
    );
}

interface ClientAddOptions {
  name: string;
  keyId?: string;
  certificate?: string;
  identityClientId?: string;
  identityObjectId?: string;
  dryRun?: true;
}

function addClientAdd(client: Command, { run }: CommandContext): void {
  client
    .command("add")
    .description("Adds an app registration to the policy, with its first certificate or a managed identity.")
    .argument("<client-id>", "of the app registration")
    .requiredOption("--name <name>", "its name in the policy, the ledger and the logs")
    .option("--key-id <url>", "key URL with its version, whose certificate is registered at the application")
    .option("--certificate <file.pem>", "with --key-id: the public certificate")
    .option("--identity-client-id <id>", "instead of a key: client id of a managed identity of Keyhold")
    .option("--identity-object-id <id>", "with --identity-client-id: its object id")
    .option("--dry-run", dryRun)
    .addHelpText(
      "after",
      `
Examples:
  keyhold client add 30000000-0000-4000-8000-000000000002 --name reports-app --certificate reports-app.pem \\
    --key-id https://contoso-keyhold${clouds.public.vaultHostSuffix}/keys/reports-app/0123456789abcdef0123456789abcdef
  keyhold client add 30000000-0000-4000-8000-000000000002 --name reports-app \\
    --identity-client-id 50000000-0000-4000-8000-000000000004 --identity-object-id 60000000-0000-4000-8000-000000000004

keyhold client add-certificate --vault ... --register makes the certificate and prints the key id.
${needs}`,
    )
    .action((clientId: string, options: ClientAddOptions) =>
      run(async (connect) => {
        const id = requireGuid("<client-id>", clientId);
        const { name } = options;
        const value = { name, clientId: id, ...(await credentialOf(options)) };
        return (await addEntry("client", { id, name, value }, editTargetOf(connect(), options.dryRun))).report;
      }),
    );
}

async function credentialOf({ keyId, certificate: file, identityClientId, identityObjectId }: ClientAddOptions) {
  if (identityClientId !== undefined && identityObjectId !== undefined && keyId === undefined) {
    return { managedIdentityFederation: { identityClientId, identityObjectId } };
  }
  if (keyId === undefined || file === undefined || identityClientId !== undefined) {
    throw new CommandProblem("usage", "The client has no credential, or two", {
      where: "--key-id, --identity-client-id",
      remedy: "give --key-id and --certificate, or --identity-client-id and --identity-object-id",
    });
  }
  try {
    return { certificates: [{ keyId, certificate: await readFile(file, "utf8") }] };
  } catch (error) {
    const remedy = "give the public certificate, PEM";
    throw new CommandProblem("usage", `The certificate cannot be read (${errorClass(error)})`, { where: file, remedy });
  }
}

function addRemove(parent: Command, kind: EntryKind, example: string, { run }: CommandContext): void {
  parent
    .command("remove")
    .description(`Removes a ${kind} from the policy, with its references in grants, and grants that need it.`)
    .argument(`<name|id>`, `which ${kind}`)
    .option("--dry-run", dryRun)
    .addHelpText(
      "after",
      `
Examples:
  keyhold ${kind} remove ${example} --dry-run
  keyhold ${kind} remove ${example}

Tokens that were already issued stay valid until they expire. To stop it at once and keep its entry: keyhold ${kind} suspend.
${needs}`,
    )
    .action((nameOrId: string, options: { dryRun?: true }) =>
      run(async (connect) => removeEntry(kind, nameOrId, editTargetOf(connect(), options.dryRun))),
    );
}

const grantPurposes = {
  add: "Grants a caller tokens or assertions of a client.",
  remove: "Revokes what a caller gets as a client; a broader grant keeps the rest.",
};

function addGrantCommand(grant: Command, verb: "add" | "remove", { run }: CommandContext): void {
  const collect = (text: string, before: string[] = []) => [...before, text];
  const graph = `https://${clouds.public.graphHost}/.default`;
  grant
    .command(verb)
    .description(grantPurposes[verb])
    .requiredOption("--caller <name|objectId>", "the internal service")
    .requiredOption("--client <name|clientId>", "the application that it acts as")
    .option(
      "--tenant <name|id>",
      verb === "add" ? "where; may be repeated" : "only in this tenant; may be repeated",
      collect,
    )
    .addOption(
      new Option("--all-active", "instead: every active tenant except the home tenant, also later ones").conflicts(
        "tenant",
      ),
    )
    .option("--scope <scope>", "<resource>/.default; may be repeated", collect)
    .option("--assertion", "assertions, which no scope can narrow")
    .option("--dry-run", dryRun)
    .addHelpText(
      "after",
      `
Examples:
  keyhold grant ${verb} --caller billing-service --client orders-app --tenant contoso --scope ${graph}
  keyhold grant ${verb} --caller sync-service --client orders-app --tenant contoso --assertion --dry-run

${needs}`,
    )
    .action((options: GrantOptions & { dryRun?: true }) =>
      run(async (connect) => {
        const target = editTargetOf(connect(), options.dryRun);
        return verb === "add" ? addGrant(options, target) : removeGrant(options, target);
      }),
    );
}
