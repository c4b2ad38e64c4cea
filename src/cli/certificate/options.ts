import { open, rm } from "node:fs/promises";
import { type Command, Option } from "commander";
import { errorClass } from "../../adapters/azure/error.ts";
import { type Cloud, type CloudName, clouds } from "../../domain/shared/cloud.ts";
import { CommandProblem, type Report } from "../command-problem.ts";
import { parseCount } from "../options.ts";
import { addCertificate } from "./add-certificate.ts";
import type { AddCertificateInput } from "./certificate-report.ts";

/** The options of both `add-certificate` commands. */
export interface CertificateOptions {
  key?: string;
  vault?: string;
  cloud: CloudName;
  newVersion?: boolean;
  days: number;
  policy?: boolean;
  out?: string;
  dryRun?: boolean;
  /** Only for clients. */
  register?: boolean;
}

/** Adds these options to the command. `descriptions`: of the options that differ between the two commands. */
export function addCertificateOptions(
  command: Command,
  descriptions: { key: string; vault: string; policy: string },
): Command {
  return command
    .option("--key <name>", descriptions.key)
    .option("--vault <url>", descriptions.vault)
    .addOption(new Option("--cloud <name>", "with --vault").choices(Object.keys(clouds)).default("public"))
    .option("--new-version", "make a new version of the key first: RSA, only to sign, not exportable")
    .option("--days <days>", "how long it is valid", parseCount, 365)
    .option("--policy", descriptions.policy)
    .option("--out <file.pem>", "write the certificate to a new file; without it, to stdout")
    .option("--dry-run", "dry run: print what would be done");
}

/** The requested steps. */
export function stepsOf({ days, newVersion = false, register = false, dryRun = false }: CertificateOptions) {
  return { days, newVersion, register, dryRun };
}

/** Reserves the file before anything is signed: a useless signature would still raise an alarm. */
export async function makeCertificate(
  { out, dryRun }: CertificateOptions,
  input: AddCertificateInput,
  ports: Omit<Parameters<typeof addCertificate>[1], "save">,
): Promise<Report> {
  const file = out === undefined || dryRun ? undefined : await reserve(out);
  try {
    return await addCertificate(input, { ...ports, save: file?.write });
  } finally {
    await file?.close();
  }
}

/** The origin of a vault. Throws if it is not in the cloud: only the cloud's vaults may get the operator's token. */
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

/** The name, if Key Vault allows it for a key; otherwise throws. */
export function requireKeyName(name: string | undefined): string {
  if (name !== undefined && /^[0-9A-Za-z-]{1,127}$/.test(name)) return name;
  throw usage("--key", "name a key: letters, digits and hyphens, 127 at most");
}

/** The problem for a setting that cannot be used. */
export function usage(where: string, remedy: string): CommandProblem {
  return new CommandProblem("usage", `${where} is not usable here`, { where, remedy });
}

/** Creates a new file. It is removed again if nothing is written to it. */
async function reserve(path: string) {
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
      remedy: "name a new file, in a folder that you may write to",
    });
  }
}
