import type { Command } from "commander";
import type { CommandContext } from "../connection.ts";
import { loadPolicy } from "../policy/load-policy.ts";
import { refreshMetadata } from "./refresh.ts";
import { sourcesOf } from "./state.ts";
import { metadataStatus } from "./status.ts";

/** Adds `metadata status` and `metadata refresh`. */
export function addMetadataCommands(program: Command, context: CommandContext): void {
  const metadata = program.command("metadata").description("Entra's metadata and keys that Keyhold stores");
  addStatus(metadata, context);
  addRefresh(metadata, context);
}

function addStatus(metadata: Command, { run, clock }: CommandContext): void {
  metadata
    .command("status")
    .description("Shows the age, TLS certificate and keys of each source's metadata.")
    .addHelpText(
      "after",
      `
Examples:
  keyhold metadata status
  keyhold metadata status --json

Needs: to read the policy and the metadata container (Storage Blob Data Reader).
Exit code 1: a source is stale, that is, was not verified for two hours. keyhold doctor says why.`,
    )
    .action(() =>
      run(async (connect) => {
        const { policyPlace, policyContext, metadataStore } = connect();
        const { policy } = await loadPolicy(policyPlace, policyContext);
        return metadataStatus(sourcesOf(policy), metadataStore, policyContext.cloud, clock());
      }),
    );
}

function addRefresh(metadata: Command, { run, clock, pause, output, progress }: CommandContext): void {
  metadata
    .command("refresh")
    .description(
      "Makes the app fetch metadata now instead of at its next hourly refresh, and prints what changed. The app looks for " +
        "requests twice a minute; this command writes one beside the policy, and waits. It fetches and signs nothing.",
    )
    .argument("[tenant]", "a tenant's name in the policy, a tenant id, or a source as shown by metadata status")
    .addHelpText(
      "after",
      `
Examples:
  keyhold metadata refresh
  keyhold metadata refresh contoso --json

Needs: to write the policy's container (Storage Blob Data Contributor); to read the metadata container (Storage Blob
Data Reader).
Exit code 1: a document was refused or held. Exit code 3: the app has not answered within two minutes; the request stays.`,
    )
    .action((tenant: string | undefined) =>
      run(async (connect) => {
        const { policyPlace, policyContext, refreshPlace, metadataStore, operatorName } = connect();
        const loaded = await loadPolicy(policyPlace, policyContext);
        const ports = { refreshPlace, metadataStore, cloud: policyContext.cloud, operatorName, clock, pause };
        return refreshMetadata(tenant, loaded, { ...ports, note: output.err, progress });
      }),
    );
}
