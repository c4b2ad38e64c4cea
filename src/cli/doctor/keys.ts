import { printable } from "../printable.ts";
import { type Check, green, grey, red, type Verdict } from "./check.ts";
import type { DoctorPorts } from "./ports.ts";
import { keysOf, namesOf } from "./vault-rights.ts";

interface KeyFacts {
  keyOps: readonly string[];
  isExportable: boolean;
  /** Length of the modulus in bits; undefined if the answer has none. */
  bits: number | undefined;
}

/**
 * Checks the properties of the keys themselves. Read as the operator, because the app's identities must not be able to
 * read keys.
 */
export function keyChecks(ports: DoctorPorts): Check[] {
  return [
    {
      id: "keys/exportable",
      title: "no key can be exported",
      run: (signal) =>
        eachKey(ports, signal, ({ isExportable }) => (isExportable ? "exportable" : undefined), {
          good: "the vault says exportable: false",
          why: "whoever gets the right to release keys gets the private key, and can sign elsewhere without any log",
          remedy: "make a version that is not exportable (client add-certificate --new-version), then disable this one",
        }),
    },
    {
      id: "keys/operations",
      title: "keys can sign and nothing else",
      run: (signal) =>
        eachKey(ports, signal, ({ keyOps }) => describeOperations(keyOps), {
          good: "operations: sign, and verify at most",
          why: "a key that also decrypts or wraps is more useful to an attacker",
          remedy: "set the key's operations to sign: a deployment does not change existing keys",
        }),
    },
    {
      id: "keys/size",
      title: "keys have the size that was deployed last",
      async run(signal) {
        const wanted = await deployedBits(ports, signal);
        if (typeof wanted !== "number") return wanted;
        return eachKey(ports, signal, ({ bits }) => (bits === wanted ? undefined : describeSize(bits, wanted)), {
          good: `${wanted} bits`,
          why: "a deployment does not change existing keys, so the chosen size does not apply to them",
          remedy:
            "make a version of that size (client add-certificate --new-version), or deploy with the size of the keys",
        });
      },
    },
  ];
}

/**
 * The key size of the deployment, which is stored in a tag of the vault.
 * @returns the size in bits, or why it is not known
 */
async function deployedBits({ config, resources }: DoctorPorts, signal: AbortSignal): Promise<number | Verdict> {
  const { vaultResourceId, cloud } = config;
  if (vaultResourceId === undefined)
    return grey("KEYHOLD_VAULT_RESOURCE_ID is not set, so the vault cannot be checked");
  const url = `https://${cloud.managementHost}${vaultResourceId}?api-version=2023-07-01`;
  const { status, body } = await resources({ method: "GET", url }, signal);
  const { tags } = (body ?? {}) as { tags?: Record<string, string> };
  const bits = Number(tags?.["keyhold-key-size"]);
  if (status !== 200) return grey(`Azure Resource Manager answered ${status}: assign yourself the role Reader`);
  return bits > 0 ? bits : grey("the vault has no tag keyhold-key-size: deploy infra/ again");
}

function describeSize(bits: number | undefined, wanted: number): string {
  return bits === undefined ? "no RSA key" : `of ${bits} bits, not ${wanted}`;
}

async function eachKey(
  ports: DoctorPorts,
  signal: AbortSignal,
  troubleOf: (facts: KeyFacts) => string | undefined,
  texts: { good: string; why: string; remedy: string },
) {
  const keys = keysOf(ports);
  if (keys.length === 0) return grey("there is no valid policy that names a key");
  const troubles: string[] = [];
  for (const { keyId, keyName } of keys) {
    const answer = await ports.vaultAsOperator({ method: "GET", url: `${keyId}?api-version=7.4` }, signal);
    if (answer.status !== 200) {
      return grey(`the operator may not read ${keyName} (${answer.status}): assign Key Vault Reader or Crypto Officer`);
    }
    const trouble = troubleOf(factsOf(answer.body));
    if (trouble !== undefined) troubles.push(`${keyName} is ${trouble}`);
  }
  if (troubles.length > 0) return red(troubles.join("; "), texts.why, texts.remedy);
  return green(`${texts.good}: ${namesOf(keys)}`);
}

const harmless: ReadonlySet<string> = new Set(["sign", "verify"]);

function describeOperations(keyOps: readonly string[]): string | undefined {
  const others = keyOps.filter((operation) => !harmless.has(operation));
  return others.length === 0 ? undefined : `also for ${others.map((each) => printable(each, 20)).join(", ")}`;
}

/** The facts in the answer. A missing fact counts as the worse value. */
function factsOf(body: unknown): KeyFacts {
  const { key, attributes } = (body ?? {}) as {
    key?: { key_ops?: unknown; n?: unknown };
    attributes?: { exportable?: unknown };
  };
  return {
    keyOps: Array.isArray(key?.key_ops) ? key.key_ops.map(String) : ["unknown"],
    bits: typeof key?.n === "string" ? bitsOf(Buffer.from(key.n, "base64url")) : undefined,
    isExportable: attributes?.exportable !== undefined && attributes.exportable !== false,
  };
}

function bitsOf(modulus: Uint8Array): number {
  const first = modulus.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : (modulus.length - first) * 8 - (Math.clz32(modulus[first] ?? 0) - 24);
}
