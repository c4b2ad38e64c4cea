/**
 * Signs a digest, as Key Vault's sign operation does: the message itself never reaches the vault. Node signs only
 * messages, so this module creates the encodings of RFC 8017 and leaves the raw RSA operation to Node.
 *
 * It does not hash messages and does not support elliptic curves. One raw RSA-2048 operation takes about a millisecond,
 * short enough for the event loop.
 */
import { constants, createHash, type KeyObject, privateEncrypt, randomBytes } from "node:crypto";

interface SignatureAlgorithm {
  scheme: "pss" | "pkcs1";
  hash: string;
  digestBytes: number;
  /** ASN.1 DigestInfo, which precedes the digest (RFC 8017 §9.2, notes). */
  digestInfoPrefix: string;
}

const sha256 = { hash: "sha256", digestBytes: 32, digestInfoPrefix: "3031300d060960864801650304020105000420" };
const sha384 = { hash: "sha384", digestBytes: 48, digestInfoPrefix: "3041300d060960864801650304020205000430" };
const sha512 = { hash: "sha512", digestBytes: 64, digestInfoPrefix: "3051300d060960864801650304020305000440" };

/** Key Vault's names of the RSA algorithms. */
export const signatureAlgorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map<string, SignatureAlgorithm>([
  ["PS256", { scheme: "pss", ...sha256 }],
  ["PS384", { scheme: "pss", ...sha384 }],
  ["PS512", { scheme: "pss", ...sha512 }],
  ["RS256", { scheme: "pkcs1", ...sha256 }],
  ["RS384", { scheme: "pkcs1", ...sha384 }],
  ["RS512", { scheme: "pkcs1", ...sha512 }],
]);

/** The caller has checked that the digest has the algorithm's length. */
export function signDigest(privateKey: KeyObject, algorithm: SignatureAlgorithm, digest: Buffer): Buffer {
  if (algorithm.scheme === "pkcs1") {
    const digestInfo = Buffer.concat([Buffer.from(algorithm.digestInfoPrefix, "hex"), digest]);
    return privateEncrypt({ key: privateKey, padding: constants.RSA_PKCS1_PADDING }, digestInfo);
  }
  const modulusBits = privateKey.asymmetricKeyDetails?.modulusLength ?? 0;
  const encoded = encodePss(digest, algorithm.hash, modulusBits - 1);
  return privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encoded);
}

/**
 * EMSA-PSS encoding (RFC 8017 §9.1.1) with a salt as long as the digest and MGF1 of the same hash. The result is
 * as long as the modulus because the vault makes only keys whose length is a multiple of 8 bits.
 */
function encodePss(digest: Buffer, hash: string, encodedBits: number): Buffer {
  const encodedBytes = Math.ceil(encodedBits / 8);
  const salt = randomBytes(digest.length);
  const saltedHash = createHash(hash).update(Buffer.alloc(8)).update(digest).update(salt).digest();
  const padding = Buffer.alloc(encodedBytes - digest.length - salt.length - 2);
  const dataBlock = Buffer.concat([padding, Buffer.of(0x01), salt]);
  const mask = maskGeneration(saltedHash, hash, dataBlock.length);
  const masked = Buffer.from(dataBlock.map((byte, index) => byte ^ mask.readUInt8(index)));
  const unusedBits = 8 * encodedBytes - encodedBits;
  masked.writeUInt8(masked.readUInt8(0) & (0xff >> unusedBits), 0);
  return Buffer.concat([masked, saltedHash, Buffer.of(0xbc)]);
}

/** MGF1 (RFC 8017 §B.2.1). */
function maskGeneration(seed: Buffer, hash: string, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let counter = 0; counter * seed.length < length; counter += 1) {
    const counterBytes = Buffer.alloc(4);
    counterBytes.writeUInt32BE(counter);
    blocks.push(createHash(hash).update(seed).update(counterBytes).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}
