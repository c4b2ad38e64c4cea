import { constants, createHash, verify } from "node:crypto";
import { Fault } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";
import type { SigningCertificate } from "./certificate.ts";
import type { SignIntent } from "./ledger.ts";
import type { AccountablePorts, SignatureAlgorithm, VaultSignature } from "./ports.ts";

/** The caller's part of the ledger's intent; the rest is filled in here. */
export type SignReason = Omit<SignIntent, "id" | "timeMs" | "keyName" | "keyVersion">;

/** What is signed. */
export interface Signable {
  algorithm: SignatureAlgorithm;
  bytes: Uint8Array;
}

export interface AccountableSignature<T extends Signable> {
  signed: T;
  ledgerId: Guid;
  signature: Uint8Array;
  vaultRequestId: string;
}

/**
 * The only way to a signature: intent -> vault signs -> check. Each call sends one request to the vault, under its own
 * intent (I4). A signature is used only if the requested key version made it for the registered certificate (I5).
 * Anything else would be rejected anyway, and a wrong key must be reported.
 */
export async function signAccountably<T extends Signable>(
  reason: SignReason,
  certificate: SigningCertificate,
  /** Called once the intent is stored. Builds what is to be signed, with the current times. */
  build: () => T,
  ports: AccountablePorts,
  signal: AbortSignal,
): Promise<AccountableSignature<T>> {
  const timeMs = ports.clock();
  if (timeMs < certificate.notBeforeMs || timeMs >= certificate.notAfterMs) throw new Fault("certificate_not_valid");
  const ledgerId = ports.newLedgerId(timeMs);
  const { keyName, keyVersion, keyId } = certificate;
  await ports.ledger.recordIntent({ ...reason, id: ledgerId, timeMs, keyName, keyVersion });
  const signable = build();
  const { algorithm, bytes } = signable;
  const digest = createHash("sha256").update(bytes).digest();
  let answer: VaultSignature;
  try {
    answer = await ports.signer.sign({ keyId, algorithm, digest, signal });
  } catch (error) {
    recordUnsigned(ledgerId, error, ports);
    throw error;
  }
  // For the vault, names that differ only in case are the same name.
  const isAskedKey = answer.keyId.toLowerCase() === keyId.toLowerCase();
  if (!isAskedKey || !isSignedBy(certificate, algorithm, bytes, answer.signature)) {
    const fault = "signature_not_ours";
    ports.ledger.recordOutcome(ledgerId, { outcome: "signature_discarded", vaultRequestId: answer.requestId, fault });
    throw new Fault(fault, { vaultRequestId: answer.requestId });
  }
  return { signed: signable, ledgerId, signature: answer.signature, vaultRequestId: answer.requestId };
}

const saltLengthBytes = 32;

/** Whether the registered certificate's key made the signature (RFC 7518 §3.3, §3.5). */
export function isSignedBy(
  certificate: SigningCertificate,
  algorithm: SignatureAlgorithm,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = { key: certificate.publicKey, ...paddings[algorithm] };
  return verify("sha256", bytes, key, signature);
}

const paddings = {
  PS256: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltLengthBytes },
  RS256: { padding: constants.RSA_PKCS1_PADDING },
};

/**
 * Records the outcome of a failed call. An error that is not a `Fault` is a bug of ours around the call, so it is not
 * known whether the vault signed.
 */
function recordUnsigned(id: Guid, error: unknown, ports: AccountablePorts): void {
  const fault = error instanceof Fault ? error : new Fault("signer_unavailable", { maybeSigned: true });
  const { vaultRequestId, maybeSigned } = fault.detail;
  ports.ledger.recordOutcome(id, {
    outcome: maybeSigned ? "maybe_signed" : "not_signed",
    fault: fault.code,
    ...(vaultRequestId === undefined ? {} : { vaultRequestId }),
  });
}
