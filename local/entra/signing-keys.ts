/**
 * The token signing keys. All tenants share one set, as they mostly do in the real service; a tenant gets a set of its
 * own, starting as a copy of the shared one, with the first change made to its keys. Keys live in memory only.
 */
import "reflect-metadata";
import { createHash, KeyObject, sign, webcrypto } from "node:crypto";
import { promisify } from "node:util";
import { X509CertificateGenerator } from "@peculiar/x509";

export interface SigningKey {
  kid: string;
  /** The self-signed certificate, base64 of its DER: `x5c` here, and the content of a KeyDescriptor elsewhere. */
  certificate: string;
  n: string;
  e: string;
  privateKey: KeyObject;
  /** The encoded JOSE header, the same for every token of this key. */
  header: string;
}

interface KeySet {
  published: SigningKey[];
  active: SigningKey;
}

const algorithm = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};
const fiveYearsMs = 5 * 365 * 24 * 60 * 60 * 1000;
const signAsync = promisify(sign);

export class SigningKeys {
  #shared: KeySet;
  #own = new Map<string, KeySet>();

  private constructor(first: SigningKey) {
    this.#shared = { published: [first], active: first };
  }

  static async create(): Promise<SigningKeys> {
    return new SigningKeys(await generateKey());
  }

  /** All published keys, the active one among them. */
  published(tenantId?: string): readonly SigningKey[] {
    return this.#set(tenantId).published;
  }

  activeKid(tenantId?: string): string {
    return this.#set(tenantId).active.kid;
  }

  async announce(tenantId?: string): Promise<string> {
    const key = await generateKey();
    this.#writable(tenantId).published.push(key);
    return key.kid;
  }

  activate(kid: string, tenantId?: string): void {
    const set = this.#writable(tenantId);
    set.active = find(set, kid);
  }

  retire(kid: string, tenantId?: string): void {
    const set = this.#writable(tenantId);
    const key = find(set, kid);
    if (key === set.active) throw new Error(`the key ${kid} signs: activate another one before retiring it`);
    set.published.splice(set.published.indexOf(key), 1);
  }

  /** An emergency roll: the new key is the only one published and signs at once. */
  async replaceAll(tenantId?: string): Promise<string> {
    const key = await generateKey();
    Object.assign(this.#writable(tenantId), { published: [key], active: key });
    return key.kid;
  }

  /** A signed JWT. Signing runs on the thread pool, so that tokens are made on several cores. */
  async sign(claims: Record<string, unknown>, tenantId?: string): Promise<string> {
    const { header, privateKey } = this.#set(tenantId).active;
    const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
    const signature = await signAsync("sha256", Buffer.from(input), privateKey);
    return `${input}.${signature.toString("base64url")}`;
  }

  #set(tenantId: string | undefined): KeySet {
    return (tenantId !== undefined && this.#own.get(tenantId.toLowerCase())) || this.#shared;
  }

  #writable(tenantId: string | undefined): KeySet {
    if (tenantId === undefined) return this.#shared;
    const own = this.#own.get(tenantId.toLowerCase()) ?? {
      ...this.#shared,
      published: [...this.#shared.published],
    };
    this.#own.set(tenantId.toLowerCase(), own);
    return own;
  }
}

function find(set: KeySet, kid: string): SigningKey {
  const key = set.published.find((k) => k.kid === kid);
  if (key === undefined) throw new Error(`no key ${kid} is published`);
  return key;
}

async function generateKey(): Promise<SigningKey> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=accounts.accesscontrol.windows.net",
    keys,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + fiveYearsMs),
    signingAlgorithm: algorithm,
  });
  const der = Buffer.from(certificate.rawData);
  const { n = "", e = "" } = await webcrypto.subtle.exportKey("jwk", keys.publicKey);
  // Entra names its keys by the thumbprint of their certificate.
  const kid = createHash("sha1").update(der).digest("base64url");
  const header = Buffer.from(JSON.stringify({ typ: "JWT", alg: "RS256", x5t: kid, kid })).toString("base64url");
  return { kid, certificate: der.toString("base64"), n, e, privateKey: KeyObject.from(keys.privateKey), header };
}
