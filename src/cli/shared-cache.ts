import { type KeyObject, publicEncrypt, randomBytes } from "node:crypto";
import { type Command, Option } from "commander";
import { rootKeyBytes } from "../adapters/shared-cache/seal.ts";
import { type CloudName, clouds } from "../domain/shared/cloud.ts";
import { requireKeyName, requireVaultUrl } from "./certificate/options.ts";
import { createKeyOwner } from "./certificate/vault-key.ts";
import { CommandProblem, exitCodes } from "./command-problem.ts";
import type { CommandContext } from "./connection.ts";

interface CreateKeyOptions {
  vault: string;
  key: string;
  cloud: CloudName;
}

/** Adds the command `shared-cache`. */
export function addSharedCacheCommand(program: Command, { run }: CommandContext): void {
  program
    .command("shared-cache")
    .description("The tokens that instances share.")
    .command("create-key")
    .description("Makes a new key for them, wrapped by a key of the vault, and prints the two settings that name both.")
    .requiredOption("--vault <url>", "the vault")
    .option("--key <name>", "the vault's key that wraps; it must be there", "shared-cache")
    .addOption(new Option("--cloud <name>", "which the vault is in").choices(Object.keys(clouds)).default("public"))
    .addHelpText(
      "after",
      `
Example:
  keyhold shared-cache create-key --vault https://contoso-keyhold${clouds.public.vaultHostSuffix}

The new key is encrypted with the public part of the vault's key and then forgotten: only the vault can unwrap it. What
is printed is no secret. Whoever can change these settings can run code as Keyhold anyway. To rotate the key, run it
again and deploy the settings: tokens under the key before can no longer be read, and each is minted once.

Needs, of the operator: keys/read (Key Vault Crypto User or Key Vault Reader).`,
    )
    .action(({ vault, key, cloud }: CreateKeyOptions) =>
      run(async (_connect, _isJson, operator) => {
        const vaultUrl = requireVaultUrl(vault, clouds[cloud]);
        const found = await createKeyOwner(vaultUrl, operator()).read(requireKeyName(key));
        if (!found) {
          throw new CommandProblem("wrong", "The vault has no such key", {
            where: "--key",
            remedy: "deploy with the shared cache on, which makes it, or name another",
          });
        }
        const settings = {
          KEYHOLD_SHARED_CACHE_KEY_ID: found.keyId,
          KEYHOLD_SHARED_CACHE_WRAPPED_KEY: wrapNewKey(found.publicKey),
        };
        const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
        return { exit: exitCodes.fine, text: lines.join("\n"), json: settings };
      }),
    );
}

/** A new random key, wrapped by RSA-OAEP-256 (RFC 7518 §4.3), base64url. */
function wrapNewKey(publicKey: KeyObject): string {
  return publicEncrypt({ key: publicKey, oaepHash: "sha256" }, randomBytes(rootKeyBytes)).toString("base64url");
}
