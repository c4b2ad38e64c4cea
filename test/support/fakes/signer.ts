import type { KeyObject } from "node:crypto";
import { signatureAlgorithms, signDigest } from "../../../local/emulators/key-vault/rsa-digest-signature.ts";
import type { SignatureAlgorithm, VaultSignature, VaultSigner } from "../../../src/domain/signing/ports.ts";
import { registered } from "../fixtures/certificates.ts";

type SignInput = Parameters<VaultSigner["sign"]>[0];

/** A vault: makes real signatures over the digest. */
export interface FakeSigner extends VaultSigner {
  readonly calls: SignInput[];
  /** Thrown by the next calls, one each; then the vault works again. */
  readonly failures: unknown[];
  /** Thrown by every call while set. */
  failure: unknown;
  /** Which private key the vault holds under a key URL: the registered one, whatever the name, until it is set. */
  keyOf: (keyId: string) => KeyObject;
  /** Changes what comes back, as a vault gone wrong would. */
  tamper: (answer: VaultSignature) => VaultSignature;
}

export function signatureBy(
  privateKey: KeyObject,
  digest: Uint8Array,
  algorithm: SignatureAlgorithm = "PS256",
): Uint8Array {
  const known = signatureAlgorithms.get(algorithm);
  if (!known) throw new TypeError(`${algorithm} is not there`);
  return signDigest(privateKey, known, Buffer.from(digest));
}

export function createFakeSigner(journal: string[] = []): FakeSigner {
  const calls: SignInput[] = [];
  const failures: unknown[] = [];
  return {
    calls,
    failures,
    failure: undefined,
    keyOf: () => registered.privateKey,
    tamper: (answer) => answer,
    async sign(input) {
      calls.push(input);
      journal.push("sign");
      const failure = failures.shift() ?? this.failure;
      if (failure !== undefined) throw failure;
      const signature = signatureBy(this.keyOf(input.keyId), input.digest, input.algorithm);
      return this.tamper({ signature, keyId: input.keyId, requestId: `vault-request-${calls.length}` });
    },
  } satisfies FakeSigner;
}
