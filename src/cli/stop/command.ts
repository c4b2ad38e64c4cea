import { type Command, Option } from "commander";
import { type Cloud, type CloudName, clouds } from "../../domain/shared/cloud.ts";
import { CommandProblem, exitCodes, type Report } from "../command-problem.ts";
import type { CommandContext, Connection } from "../connection.ts";
import { requireGuid } from "../options.ts";
import { printable } from "../printable.ts";
import { createRest, type RestRequest } from "../rest.ts";
import { NotReadable, type StopStep, stopSigning } from "./stop-signing.ts";

interface CommandOptions {
  yes?: true;
  cutNetwork?: true;
  vault?: string;
  identity?: string;
  cloud: CloudName;
}

const deadlineMs = 60_000;
const vaultId = /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.KeyVault\/vaults\/[^/]+$/i;

const effects = [
  "Effect: nobody gets a new token. Cached tokens are still served until they expire, up to 90 minutes.",
  "It takes effect within 10 minutes, because Key Vault caches roles; with --cut-network at once.",
  "To undo it: azd provision assigns the roles; az network private-endpoint-connection approve accepts a connection.",
];

/** Adds the command `stop`. */
export function addStopCommand(program: Command, { run, progress }: CommandContext): void {
  program
    .command("stop")
    .description("Removes the signing role of Keyhold's identity, from any network. Without --yes: dry run.")
    .option("--yes", "make the changes")
    .option("--cut-network", "also reject the vault's private endpoint connections")
    .option("--vault <ARM id>", "the vault; with --identity no settings are needed")
    .option("--identity <object id>", "the identity that signs")
    .addOption(
      new Option("--cloud <name>", "with --vault and --identity").choices(Object.keys(clouds)).default("public"),
    )
    .addHelpText(
      "after",
      `
Examples:
  keyhold stop
  keyhold stop --yes --cut-network --vault <ARM id> --identity <object id>

It uses only Azure Resource Manager, so it needs no network path to the vault and no role in it.
${effects.join("\n")}

Needs, of the operator: Microsoft.Authorization/roleAssignments/delete on the vault (Owner, User Access Administrator or
Role Based Access Control Administrator); for --cut-network Key Vault Contributor.`,
    )
    .action((options: CommandOptions) =>
      run(async (connect, _isJson, operator) => {
        const { cloud, ...target } = targetOf(options, connect);
        const rest = createRest(operator(), `https://${cloud.managementHost}/.default`);
        const signal = AbortSignal.timeout(deadlineMs);
        const stop = { ...target, managementUrl: `https://${cloud.managementHost}` };
        const more = { cutNetwork: options.cutNetwork === true, acts: options.yes === true };
        const arm = (request: RestRequest) => {
          progress(`${request.method === "GET" ? "reading roles" : "changing access"} at Azure Resource Manager`);
          return rest.send(request, signal);
        };
        const steps = await stopSigning(arm, { ...stop, ...more }).catch(asProblem);
        return stopReport(steps, more.acts);
      }),
    );
}

/** The vault and the identity: from the options, or from the app's settings if they are available. */
function targetOf(options: CommandOptions, connect: () => Connection) {
  const { vault, identity } = options;
  const settings = vault === undefined || identity === undefined ? connect().config : undefined;
  const id = vault ?? settings?.vaultResourceId ?? "";
  if (!vaultId.test(id)) {
    throw new CommandProblem("usage", "The vault is not known", {
      where: "--vault",
      remedy: "give its ARM id: az keyvault show --name <vault> --query id",
    });
  }
  const signerObjectId =
    identity === undefined ? (settings?.signingIdentityObjectId ?? "") : requireGuid("--identity", identity);
  const cloud: Cloud = settings?.cloud ?? clouds[options.cloud];
  return { cloud, vaultId: id, signerObjectId };
}

/** The report. Exit code 1 if the identity can still sign. */
export function stopReport(steps: readonly StopStep[], acts: boolean): Report {
  const isStopped = steps.every(({ state }) => state === "done");
  const lines = steps.map((step) => {
    const status = step.status ? ` (Azure Resource Manager answered ${step.status})` : "";
    return `${markOf(step)}: ${printable(step.what, 200)}${status}`;
  });
  const nothing = "The identity has no role on the vault: it cannot sign.";
  const still = "The identity can still sign: delete the remaining role assignments by hand, or disable the keys.";
  const dryRun = "Dry run: nothing was changed. To do it, repeat the command with --yes.";
  const last = steps.length === 0 ? nothing : !acts ? dryRun : isStopped ? "Stopped." : still;
  return {
    exit: isStopped || !acts ? exitCodes.fine : exitCodes.wrong,
    text: [...lines, last, ...(steps.length === 0 ? [] : effects)].join("\n"),
    json: { acted: acts, stopped: acts && isStopped, steps },
  };
}

function markOf({ action, state }: StopStep): string {
  const done = { delete: "deleted", reject: "rejected" }[action];
  const marks = { planned: `would ${action}`, done, failed: `NOT ${done}`, kept: `NOT ${done} by this command` };
  return marks[state];
}

function asProblem(error: unknown): never {
  if (!(error instanceof NotReadable)) throw error;
  throw new CommandProblem("unavailable", error.message, {
    where: "Azure Resource Manager",
    remedy: "sign in as somebody with Owner or User Access Administrator on the vault, or disable the keys",
  });
}
