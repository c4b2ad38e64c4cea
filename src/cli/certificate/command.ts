import { open, rm } from "node:fs/promises";
import type { TokenCredential } from "@azure/identity";
import { type Command, Option } from "commander";
import { errorClass } from "../../adapters/azure/error.ts";
import type { CertificateDocument } from "../../domain/policy/document.ts";
import { type Cloud, type CloudName, clouds } from "../../domain/shared/cloud.ts";
import { CommandProblem } from "../command-problem.ts";
import type { CommandContext, Connection } from "../connection.ts";
import { parseCount, requireGuid } from "../options.ts";
import { requireEntry } from "../policy/find-entry.ts";
import { loadPolicy } from "../policy/load-policy.ts";
import { createRest } from "../rest.ts";
import { addCertificate } from "./add-certificate.ts";
import type { AddCertificateInput } from "./certificate-report.ts";
import { createRegistration } from "./registration.ts";
import { createKeyOwner } from "./vault-key.ts";

interface AddCertificateOptions {
  client: string;
  key?: string;
  vault?: string;
  cloud: CloudName;
  newVersion?: boolean;
  days: number;
  register?: boolean;
  policy?: boolean;
  out?: string;
  dryRun?: boolean;
}

/** Adds to the command `client`. */
export function addCertificateCommand(client: Command, { run, clock }: CommandContext): void {
  client
    .command("add-certificate")
    .description("Makes a certificate around a key that stays in the vault, and registers it where it is to be known.")
    .requiredOption("--client <name|clientId>", "the application that it is for")
    .option("--key <name>", "key of the vault; without it, that of the client's first certificate")
    .option("--vault <url>", "for the first certificate, before there is a policy; with --client <clientId> and --key")
    .addOption(new Option("--cloud <name>", "with --vault").choices(Object.keys(clouds)).default("public"))
    .option("--new-version", "make a new version of the key first: RSA, only to sign, not exportable")
    .option("--days <days>", "how long it is valid", parseCount, 365)
    .option("--register", "add it to the application's keyCredentials in Microsoft Graph; what is there stays")
    .option("--policy", "append it to the client's certificates in the policy, where a canary promotes it")
    .option("--out <file.pem>", "write the certificate to a file that is not there yet; without it, to stdout")
    .option("--dry-run", "say what would be done, and do nothing")
    .addHelpText(
      "after",
      `
Examples:
  keyhold client add-certificate --client orders-app --new-version --register --policy --out orders-app.pem
  keyhold client add-certificate --client 30000000-0000-4000-8000-000000000001 --key orders-app \\
    --vault https://contoso-keyhold${clouds.public.vaultHostSuffix} --register

Needs, of the operator: keys/read, keys/sign, and keys/create for --new-version (Key Vault Crypto Officer); for
--register to own the application, or Application.ReadWrite.All; for --policy to write it.
The vault signs for you, not for Keyhold: the audit reports that as foreign_identity; the command prints the request id.`,
    )
    .action((options: AddCertificateOptions) =>
      run(async (connect, _, operator) => {
        const first = options.vault === undefined ? undefined : firstCertificate(options, options.vault, operator());
        const { input, vaultUrl, cloud, credential } = first ?? (await nextCertificate(options, connect()));
        const rest = createRest(credential, `https://${cloud.graphHost}/.default`);
        // Before anything is signed: a signature for nothing would still alarm.
        const out = options.out === undefined || options.dryRun ? undefined : await reserve(options.out);
        try {
          return await addCertificate(input, {
            keys: createKeyOwner(vaultUrl, credential),
            registration: createRegistration(cloud, rest),
            nowMs: clock(),
            save: out?.write,
          });
        } finally {
          await out?.close();
        }
      }),
    );
}

interface Prepared {
  input: AddCertificateInput;
  vaultUrl: string;
  cloud: Cloud;
  credential: TokenCredential;
}

/** Without policy and settings: a deployment has neither before its first certificate. */
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

/** For a client of the policy, in the vault of its first certificate. */
async function nextCertificate(options: AddCertificateOptions, connection: Connection): Promise<Prepared> {
  const { policyPlace: place, policyContext: context, identities } = connection;
  const loaded = await loadPolicy(place, context);
  const { policy, document } = loaded;
  const { name, id, index } = requireEntry(document, "client", options.client);
  const [first] = policy.clients.get(id)?.certificates ?? [];
  if (!first) throw usage("--client", "name one with certificates: this one signs in by federation, and has no key");
  const keyName = requireKeyName(options.key ?? first.keyName);
  if (policy.publisher?.certificates.some((each) => each.keyName.toLowerCase() === keyName.toLowerCase())) {
    throw usage("--key", "name another: this one is the publisher's, and must not be a client's too");
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

/** The origin of a vault. The operator's token goes there: only to a vault of the cloud. */
export function requireVaultUrl(vault: string, cloud: Cloud): string {
  const url = URL.parse(vault);
  const isVault =
    url?.protocol === "https:" &&
    url.port === "" &&
    url.hostname.endsWith(cloud.vaultHostSuffix) &&
    url.href === `${url.origin}/`;
  if (!url || !isVault) throw usage("--vault", `give https://<name>${cloud.vaultHostSuffix}`);
  return url.origin;
}

function stepsOf({ days, newVersion = false, register = false, dryRun = false }: AddCertificateOptions) {
  return { days, newVersion, register, dryRun };
}

/** A name that a key of Key Vault may have. */
export function requireKeyName(name: string | undefined): string {
  if (name !== undefined && /^[0-9A-Za-z-]{1,127}$/.test(name)) return name;
  throw usage("--key", "name a key: letters, digits and hyphens, 127 at most");
}

/** A setting that cannot be used. */
export function usage(where: string, remedy: string): CommandProblem {
  return new CommandProblem("usage", `${where} is not usable here`, { where, remedy });
}

/** A file that was not there; gone again where nothing was written to it. */
export async function reserve(path: string) {
  try {
    const file = await open(path, "wx");
    let isWritten = false;
    return {
      async write(pem: string) {
        await file.writeFile(pem);
        isWritten = true;
      },
      async close() {
        await file.close();
        if (!isWritten) await rm(path, { force: true });
      },
    };
  } catch (error) {
    throw new CommandProblem("wrong", `The certificate cannot be written (${errorClass(error)}): nothing was done`, {
      where: "--out",
      remedy: "name a file that is not there yet, in a folder that you may write to",
    });
  }
}
