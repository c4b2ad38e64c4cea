import type { TokenCredential } from "@azure/identity";
import type { Command } from "commander";
import type { CertificateDocument } from "../../domain/policy/document.ts";
import { type Cloud, clouds } from "../../domain/shared/cloud.ts";
import type { CommandContext, Connection } from "../connection.ts";
import { requireGuid } from "../options.ts";
import { requireEntry } from "../policy/find-entry.ts";
import { loadPolicy } from "../policy/load-policy.ts";
import { createRest } from "../rest.ts";
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
import { createRegistration } from "./registration.ts";
import { createKeyOwner } from "./vault-key.ts";

interface AddCertificateOptions extends CertificateOptions {
  client: string;
}

/** Adds `add-certificate` to the command `client`. */
export function addCertificateCommand(client: Command, { run, clock }: CommandContext): void {
  const command = client
    .command("add-certificate")
    .description("Makes a certificate for a key that stays in the vault, and registers it.")
    .requiredOption("--client <name|clientId>", "the application that the certificate is for")
    .option("--register", "add it to the application's keyCredentials in Microsoft Graph; existing ones stay");
  addCertificateOptions(command, {
    key: "key of the vault; without it, that of the client's first certificate",
    vault: "for the first certificate, before there is a policy; with --client <clientId> and --key",
    policy: "append it to the client's certificates in the policy, where a canary promotes it",
  })
    .addHelpText(
      "after",
      `
Examples:
  keyhold client add-certificate --client orders-app --new-version --register --policy --out orders-app.pem
  keyhold client add-certificate --client 30000000-0000-4000-8000-000000000001 --key orders-app \\
    --vault https://contoso-keyhold${clouds.public.vaultHostSuffix} --register

Needs, of the operator: keys/read, keys/sign, and keys/create for --new-version (Key Vault Crypto Officer); for
--register to be an owner of the application, or Application.ReadWrite.All; for --policy to write it.
The vault signs for you, not for Keyhold: the audit reports that as foreign_identity; the command prints the request id.`,
    )
    .action((options: AddCertificateOptions) =>
      run(async (connect, _, operator) => {
        const first = options.vault === undefined ? undefined : firstCertificate(options, options.vault, operator());
        const { input, vaultUrl, cloud, credential } = first ?? (await nextCertificate(options, connect()));
        const rest = createRest(credential, `https://${cloud.graphHost}/.default`);
        const registration = createRegistration(cloud, rest);
        return makeCertificate(options, input, {
          ...{ keys: createKeyOwner(vaultUrl, credential), registration, nowMs: clock() },
        });
      }),
    );
}

interface Prepared {
  input: AddCertificateInput;
  vaultUrl: string;
  cloud: Cloud;
  credential: TokenCredential;
}

/**
 * Prepares a certificate without policy and settings, because a deployment has neither before its first certificate.
 */
function firstCertificate(options: AddCertificateOptions, vault: string, credential: TokenCredential): Prepared {
  const cloud = clouds[options.cloud];
  const vaultUrl = requireVaultUrl(vault, cloud);
  if (options.policy) throw usage("--policy", "leave it out with --vault: what to add to the policy is printed");
  const keyName = requireKeyName(options.key);
  const client = { name: keyName, clientId: requireGuid("--client", options.client) };
  return {
    input: { owner: client, keyName, isNewOwner: true, ...stepsOf(options) },
    vaultUrl,
    cloud,
    credential,
  };
}

/** Prepares a certificate for a client of the policy, in the vault of its first certificate. */
async function nextCertificate(options: AddCertificateOptions, connection: Connection): Promise<Prepared> {
  const { policyPlace: place, policyContext: context, identities } = connection;
  const loaded = await loadPolicy(place, context);
  const { policy, document } = loaded;
  const { name, id, index } = requireEntry(document, "client", options.client);
  const [first] = policy.clients.get(id)?.certificates ?? [];
  if (!first) throw usage("--client", "name a client with certificates: this one uses federation and has no key");
  const keyName = requireKeyName(options.key ?? first.keyName);
  if (policy.publisher?.certificates.some((each) => each.keyName.toLowerCase() === keyName.toLowerCase())) {
    throw usage("--key", "name another key: this one is the publisher's, which no client may use");
  }
  const edits = (value: CertificateDocument) => [{ append: ["clients", index, "certificates"], value }];
  const input = {
    owner: { name, clientId: id },
    keyName,
    ...stepsOf(options),
    ...(options.policy && { policy: { loaded, place, context, edits } }),
  };
  const vaultUrl = new URL(first.keyId).origin;
  return { input, vaultUrl, cloud: context.cloud, credential: identities.operator };
}
