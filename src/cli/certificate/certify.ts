import { createHash, type X509Certificate } from "node:crypto";
import { Fault } from "../../domain/shared/fault.ts";
import { CommandProblem, isNotSignedIn, notSignedInProblem } from "../command-problem.ts";
import { assembleCertificate, buildTbsCertificate } from "./self-signed-certificate.ts";
import type { KeyOwner, VaultKey } from "./vault-key.ts";

const dayMs = 86_400_000;
/** Milliseconds. `notBefore` is in the past, because Entra's clock may be behind ours. */
const backdatedMs = 10 * 60_000;

/**
 * Makes a certificate for a key of the vault. The vault sees only the SHA-256 that it signs. The result is verified.
 * @throws CommandProblem if the vault does not sign, or another key has signed
 */
export async function certify(
  { publicKey, keyId }: VaultKey,
  { commonName, days }: { commonName: string; days: number },
  { keys, nowMs }: { keys: KeyOwner; nowMs: number },
): Promise<{ certificate: X509Certificate; requestId: string }> {
  const notBeforeMs = nowMs - backdatedMs;
  const tbs = buildTbsCertificate({ commonName, publicKey, notBeforeMs, notAfterMs: nowMs + days * dayMs });
  const digest = createHash("sha256").update(tbs).digest();
  const signal = AbortSignal.timeout(30_000);
  const signed = await vaultTrouble(() => keys.sign({ keyId, algorithm: "RS256", digest, signal }));
  if (signed.keyId !== keyId) throw notOurs(signed.requestId);
  try {
    return { certificate: assembleCertificate(tbs, signed.signature, publicKey), requestId: signed.requestId };
  } catch {
    throw notOurs(signed.requestId);
  }
}

function notOurs(requestId: string): CommandProblem {
  return new CommandProblem("wrong", "The vault's signature is not by this key: it was not used", {
    where: `vault request ${requestId}`,
    remedy: "find out which server answered instead of the vault",
  });
}

/**
 * Turns a refusal of the vault into a problem. Never contains the SDK's text, because that contains the key's URL.
 * @throws CommandProblem
 */
export async function vaultTrouble<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (isNotSignedIn(error)) throw notSignedInProblem();
    const { statusCode, name } = error as { statusCode?: number; name?: string };
    const codes = error instanceof Fault ? [error.code, ...(error.detail.codes ?? [])] : [name, statusCode];
    throw new CommandProblem("unavailable", `The vault refused it (${codes.filter(Boolean).join(" ")})`, {
      where: "Key Vault",
      remedy:
        "the operator needs keys/read and keys/sign, and keys/create for --new-version (Key Vault Crypto Officer), and a " +
        "network path to the vault (docs/operate/network.md)",
    });
  }
}
