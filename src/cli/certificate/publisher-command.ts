import type { Command } from "commander";
import type { CertificateDocument } from "../../domain/policy/document.ts";
import { clouds } from "../../domain/shared/cloud.ts";
import type { CommandContext, Connection } from "../connection.ts";
import { editPolicy } from "../policy/edit-policy.ts";
import { loadPolicy } from "../policy/load-policy.ts";
import type { AddCertificateInput } from "./certificate-report.ts";
import {
  addCertificateOptions,
  type CertificateOptions,
  makeCertificate,
  requireKeyName,
  requireVaultUrl,
  stepsOf,
  usage,
} from "./options.ts";
import { activatedReport, assertValid, certificatesReport, requireCertificate } from "./publisher-certificates.ts";
import { activateInPublisher, addToPublisher, publisherName } from "./publisher-entry.ts";
import { createKeyOwner } from "./vault-key.ts";

/** `publisher add-certificate | activate | certificates`: the keys that relying parties trust. */
export function addPublisherCommand(program: Command, context: CommandContext): void {
  const publisher = program.command("publisher").description("the certificates that sign idp.xml for relying parties");
  addAddCertificate(publisher, context);
  addActivate(publisher, context);
  addCertificates(publisher, context);
}

function addAddCertificate(publisher: Command, { run, clock }: CommandContext): void {
  const command = publisher
    .command("add-certificate")
    .description("Makes a certificate for a key that stays in the vault, for relying parties.");
  addCertificateOptions(command, {
    key: "key of the vault, never a client's; without it, that of the active certificate",
    vault: "for the first certificate, before there is a policy; with --key",
    policy: "add it to the policy: staged, or active if it is the first",
  })
    .addHelpText(
      "after",
      `
Examples:
  keyhold publisher add-certificate --new-version --policy --out keyhold-publisher-next.pem
  keyhold publisher add-certificate --key idp-publisher --vault https://contoso-keyhold${clouds.public.vaultHostSuffix}

Needs, of the operator: keys/read, keys/sign, and keys/create for --new-version (Key Vault Crypto Officer); for --policy
to write it. A staged certificate signs nothing until keyhold publisher activate.
The vault signs for you, not for Keyhold: the audit reports that as foreign_identity; the command prints the request id.`,
    )
    .action((options: CertificateOptions) =>
      run(async (connect, _, operator) => {
        const { input, vaultUrl, credential } =
          options.vault === undefined
            ? await nextCertificate(options, connect())
            : { ...firstCertificate(options, options.vault), credential: operator() };
        return makeCertificate(options, input, { keys: createKeyOwner(vaultUrl, credential), nowMs: clock() });
      }),
    );
}

function firstCertificate(
  options: CertificateOptions,
  vault: string,
): { input: AddCertificateInput; vaultUrl: string } {
  const vaultUrl = requireVaultUrl(vault, clouds[options.cloud]);
  if (options.policy) throw usage("--policy", "leave it out with --vault: what to add to the policy is printed");
  const keyName = requireKeyName(options.key);
  return {
    input: { owner: { name: publisherName }, keyName, isNewOwner: true, ...stepsOf(options) },
    vaultUrl,
  };
}

/** Uses the vault of the active certificate, or that of the first client if there is none yet. */
async function nextCertificate(
  options: CertificateOptions,
  { policyPlace: place, policyContext: context, identities }: Connection,
) {
  const loaded = await loadPolicy(place, context);
  const { document } = loaded;
  const { publisher, clients } = loaded.policy;
  const ofClients = [...clients.values()].flatMap(({ certificates }) => certificates);
  const known = publisher?.active ?? ofClients[0];
  if (!known) throw usage("--vault", "give it with --key: the policy names no key yet");
  const keyName = requireKeyName(options.key ?? publisher?.active.keyName);
  if (ofClients.some((client) => client.keyName.toLowerCase() === keyName.toLowerCase())) {
    throw usage("--key", "name another key: this one is a client's, which the publisher may not use");
  }
  const input: AddCertificateInput = {
    ...{ owner: { name: publisherName }, keyName, isNewOwner: !publisher, ...stepsOf(options) },
    ...(options.policy && {
      policy: {
        loaded,
        place,
        context,
        edits: (added: CertificateDocument) => addToPublisher(document.publisher, added),
      },
    }),
  };
  return { input, vaultUrl: new URL(known.keyId).origin, credential: identities.operator };
}

function addActivate(publisher: Command, { run, clock }: CommandContext): void {
  publisher
    .command("activate")
    .description("Makes a staged certificate sign idp.xml from now on; the active one retires.")
    .option("--certificate <SHA-1>", "which one, by its first digits; without it, the only staged one")
    .addHelpText(
      "after",
      `
Examples:
  keyhold publisher activate
  keyhold publisher activate --certificate 5F3A91C2

First every relying party must know the certificate: one that does not refuses what it signs. Nothing can check that
for you. Going back is the same command with the certificate that retires.`,
    )
    .action(({ certificate }: { certificate?: string }) =>
      run(async (connect) => {
        const { policyPlace: place, policyContext: context } = connect();
        const loaded = await loadPolicy(place, context);
        const chosen = requireCertificate(loaded.policy.publisher, certificate);
        const { certificates = [] } = loaded.policy.publisher ?? {};
        assertValid(chosen, clock());
        const edits = activateInPublisher(loaded.document.publisher ?? {}, certificates.indexOf(chosen));
        await editPolicy(loaded, edits, { place, context });
        return activatedReport(chosen);
      }),
    );
}

function addCertificates(publisher: Command, { run }: CommandContext): void {
  publisher
    .command("certificates")
    .description("Prints the certificates that relying parties need, as PEM with their states.")
    .option("--state <state>", "only those in this state: staged, active or retiring")
    .addHelpText(
      "after",
      `
Examples:
  keyhold publisher certificates > keyhold-publisher.pem
  keyhold publisher certificates --state staged > keyhold-publisher-next.pem

Relying parties that read several certificates from one file (Mellon, the updater) take the first; Shibboleth needs one
file each. Hand them over through a channel that they trust: docs/use/relying-parties.md.`,
    )
    .action(({ state }: { state?: string }) =>
      run(async (connect) => {
        const { policyPlace, policyContext } = connect();
        const { policy } = await loadPolicy(policyPlace, policyContext);
        return certificatesReport(policy.publisher, state);
      }),
    );
}
