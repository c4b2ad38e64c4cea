/**
 * The signing keys. All tenants share one set, as most do in the real service. The first change to a tenant's keys
 * gives the tenant its own set, which starts as a copy of the shared one. An application of a tenant may also have its
 * own keys: they are published and sign metadata, but do not sign tokens here.
 */
import { sign } from "node:crypto";
import { promisify } from "node:util";
import { applicationKeyOptions, generateSigningKey, type SigningKey } from "./signing-key.ts";

/** With an `appId`: the keys of this application in the named tenant. */
export interface KeyOptions {
  appId?: string | undefined;
}

interface KeySet {
  published: SigningKey[];
  active: SigningKey;
}

export interface SavedSigningKeys {
  shared: KeySet;
  own: Map<string, KeySet>;
  consumers: SigningKey;
}

const signAsync = promisify(sign);

export class SigningKeys {
  #shared: KeySet;
  /** By tenant, or by tenant and application. */
  #own = new Map<string, KeySet>();
  /** The key of personal accounts, which the tenant-independent endpoints list as well. It signs nothing here. */
  consumers: SigningKey;

  private constructor(first: SigningKey, consumers: SigningKey) {
    this.#shared = { published: [first], active: first };
    this.consumers = consumers;
  }

  static async create(): Promise<SigningKeys> {
    const [first, consumers] = await Promise.all([generateSigningKey(), generateSigningKey()]);
    return new SigningKeys(first, consumers);
  }

  save(): SavedSigningKeys {
    return { shared: this.#shared, own: this.#own, consumers: this.consumers };
  }

  restore({ shared, own, consumers }: SavedSigningKeys): void {
    this.#shared = sameObjects(shared);
    this.#own = new Map([...own].map(([name, set]) => [name, sameObjects(set)]));
    this.consumers = consumers;
  }

  /** All published keys, including the active one. An application without keys of its own has those of its tenant. */
  published(tenantId?: string, options?: KeyOptions): readonly SigningKey[] {
    return this.#set(tenantId, options).published;
  }

  active(tenantId?: string, options?: KeyOptions): SigningKey {
    return this.#set(tenantId, options).active;
  }

  hasOwnKeys(tenantId: string, appId: string): boolean {
    return this.#own.has(nameOf(tenantId, { appId }));
  }

  /**
   * Publishes a key without using it. Only the first key of an application is used at once, because there is no other.
   */
  async announce(tenantId?: string, options: KeyOptions = {}): Promise<string> {
    const key = await generate(options);
    const name = nameOf(tenantId, options);
    const isFirst = options.appId !== undefined && !this.#own.has(name);
    if (isFirst) this.#own.set(name, { published: [key], active: key });
    else this.#writable(tenantId, options).published.push(key);
    return key.kid;
  }

  activate(kid: string, tenantId?: string, options?: KeyOptions): void {
    const set = this.#writable(tenantId, options);
    set.active = find(set, kid);
  }

  retire(kid: string, tenantId?: string, options?: KeyOptions): void {
    const set = this.#writable(tenantId, options);
    const key = find(set, kid);
    if (key === set.active) throw new Error(`the key ${kid} signs: activate another one before retiring it`);
    set.published.splice(set.published.indexOf(key), 1);
  }

  /** An emergency rollover: the new key is the only one published and signs at once. */
  async replaceAll(tenantId?: string, options: KeyOptions = {}): Promise<string> {
    const name = nameOf(tenantId, options);
    const key = await generate(options);
    const set = { published: [key], active: key };
    if (name === "") this.#shared = set;
    else this.#own.set(name, set);
    return key.kid;
  }

  /** Returns a signed JWT. Signing runs in the thread pool, so several cores can create tokens. */
  async sign(claims: Record<string, unknown>, tenantId?: string): Promise<string> {
    const { header, privateKey } = this.#set(tenantId).active;
    const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
    const signature = await signAsync("sha256", Buffer.from(input), privateKey);
    return `${input}.${signature.toString("base64url")}`;
  }

  #set(tenantId: string | undefined, options?: KeyOptions): KeySet {
    return this.#own.get(nameOf(tenantId, options)) ?? this.#own.get(nameOf(tenantId)) ?? this.#shared;
  }

  #writable(tenantId: string | undefined, options?: KeyOptions): KeySet {
    const name = nameOf(tenantId, options);
    if (name === "") return this.#shared;
    const existing = this.#own.get(name);
    if (existing !== undefined) return existing;
    if (options?.appId !== undefined) throw new Error(`the application ${options.appId} has no keys of its own`);
    const own = { ...this.#shared, published: [...this.#shared.published] };
    this.#own.set(name, own);
    return own;
  }
}

/** Empty for the shared set. */
function nameOf(tenantId: string | undefined, { appId }: KeyOptions = {}): string {
  if (appId === undefined) return tenantId?.toLowerCase() ?? "";
  if (tenantId === undefined) throw new Error("the keys of an application belong to a tenant: name it too");
  return `${tenantId}|${appId}`.toLowerCase();
}

/** Restores object identity: a set that was read from a file has the active key twice. */
function sameObjects({ published, active }: KeySet): KeySet {
  return { published, active: published.find(({ kid }) => kid === active.kid) ?? active };
}

function generate({ appId }: KeyOptions): Promise<SigningKey> {
  return generateSigningKey(appId === undefined ? {} : applicationKeyOptions());
}

function find(set: KeySet, kid: string): SigningKey {
  const key = set.published.find((k) => k.kid === kid);
  if (key === undefined) throw new Error(`no key ${kid} is published`);
  return key;
}
