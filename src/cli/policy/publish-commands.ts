import { type Command, Option } from "commander";
import type { PolicyContext } from "../../domain/policy/problem.ts";
import { clouds } from "../../domain/shared/cloud.ts";
import type { CommandContext } from "../connection.ts";
import { requireGuid } from "../options.ts";
import { filePlace } from "./policy-place.ts";
import { diffPolicies, publishPolicy } from "./publish.ts";

/** Adds `policy diff` and `policy publish`, for reviews and pipelines. */
export function addPublishCommands(policy: Command, context: CommandContext): void {
  addDiff(policy, context);
  addPublish(policy, context);
}

/** The context for checking a policy without settings; undefined without a home tenant. */
export function offlineContext(
  { homeTenant, cloud }: { homeTenant?: string; cloud: keyof typeof clouds },
  nowMs: number,
): PolicyContext | undefined {
  if (homeTenant === undefined) return undefined;
  return { cloud: clouds[cloud], homeTenantId: requireGuid("--home-tenant", homeTenant), nowMs };
}

function addDiff(policy: Command, { run, clock }: CommandContext): void {
  policy
    .command("diff")
    .description("Prints who gains and loses what between two policies. Changes nothing.")
    .argument("<a>", "a file; with <b>, what is before")
    .argument("[b]", "a file; without it, <a> is compared with the policy that the settings name")
    .option("--home-tenant <id>", "with two files: needs no settings, for example in a pipeline")
    .addOption(new Option("--cloud <name>", "with --home-tenant").choices(Object.keys(clouds)).default("public"))
    .addHelpText(
      "after",
      `
Examples:
  keyhold policy diff policy.json
  keyhold policy diff before.json after.json --home-tenant 10000000-0000-4000-8000-000000000001

Needs: with two files, nothing; otherwise to read the policy (Storage Blob Data Reader on its container).
Exit code 1: one of them is not valid.`,
    )
    .action((a: string, b: string | undefined, options: { homeTenant?: string; cloud: keyof typeof clouds }) =>
      run(async (connect) => {
        const offline = b === undefined ? undefined : offlineContext(options, clock());
        if (offline && b !== undefined) return diffPolicies(filePlace(a), filePlace(b), offline);
        const { policyPlace, policyContext } = connect();
        if (b === undefined) return diffPolicies(policyPlace, filePlace(a), policyContext);
        return diffPolicies(filePlace(a), filePlace(b), policyContext);
      }),
    );
}

function addPublish(policy: Command, { run }: CommandContext): void {
  policy
    .command("publish")
    .description("Puts a policy in force at the place that the settings name, and prints who gains and loses what.")
    .argument("<file>", "the new policy")
    .option("--expect <file>", "only if the policy in force is this one, to which the review compared")
    .option("--dry-run", "dry run: print what would change")
    .addHelpText(
      "after",
      `
Examples:
  keyhold policy publish policy.json --dry-run
  keyhold policy publish policy.json --expect before.json

Validated before it is written, and written only over the version that was read. Suspensions beside it are not touched.
Needs: to write the policy (Storage Blob Data Contributor on its container).`,
    )
    .action((file: string, { expect, dryRun }: { expect?: string; dryRun?: true }) =>
      run(async (connect) => {
        const { policyPlace, policyContext } = connect();
        const options = { ...(dryRun && { dryRun }), ...(expect !== undefined && { expect: filePlace(expect) }) };
        return publishPolicy(filePlace(file), policyPlace, policyContext, options);
      }),
    );
}
