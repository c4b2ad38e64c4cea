import type { KeyObject } from "node:crypto";
import { signatureAlgorithms, signDigest } from "../../../local/emulators/key-vault/rsa-digest-signature.ts";
import type { SignatureAlgorithm, VaultSignature, VaultSigner } from "../../../src/domain/signing/ports.ts";
import { registered } from "../fixtures/certificates.ts";

type SignInput = Parameters<VaultSigner["sign"]>[0];

/** A vault that creates real signatures over the digest. */
export interface FakeSigner extends VaultSigner {
  readonly calls: SignInput[];
  /** Thrown by the next calls, one each. Then the vault works again. */
  readonly failures: unknown[];
  /** Thrown by every call while set. */
  failure: unknown;
  /** The private key that the vault holds under a key URL. By default it is the registered one, for any name. */
  keyOf: (keyId: string) => KeyObject;
  /** Changes the answer, as a faulty vault would. */
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
