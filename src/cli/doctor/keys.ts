import { printable } from "../printable.ts";
import { type Check, green, grey, red } from "./check.ts";
import type { DoctorPorts } from "./ports.ts";
import { keysOf, namesOf } from "./vault-rights.ts";

interface KeyFacts {
  keyOps: readonly string[];
  isExportable: boolean;
}

/** What the keys themselves allow, whoever asks. Read as the operator: the app's identities must not be able to. */
export function keyChecks(ports: DoctorPorts): Check[] {
  return [
    {
      id: "keys/exportable",
      title: "no key can be exported",
      run: (signal) =>
        eachKey(ports, signal, ({ isExportable }) => (isExportable ? "exportable" : undefined), {
          good: "the vault says exportable: false",
          why: "who gets the right to release keys gets the private key, and can sign elsewhere, unseen",
          remedy: "make a version that is not exportable (client add-certificate --new-version), then disable this one",
        }),
    },
    {
      id: "keys/operations",
      title: "keys can sign and nothing else",
      run: (signal) =>
        eachKey(ports, signal, ({ keyOps }) => describeOperations(keyOps), {
          good: "operations: sign, and verify at most",
          why: "a key that also decrypts or wraps is worth more to an attacker",
          remedy: "set the key's operations to sign",
        }),
    },
  ];
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

/** A fact that the answer does not state counts as the worse one. */
function factsOf(body: unknown): KeyFacts {
  const { key, attributes } = (body ?? {}) as {
    key?: { key_ops?: unknown };
    attributes?: { exportable?: unknown };
  };
  return {
    keyOps: Array.isArray(key?.key_ops) ? key.key_ops.map(String) : ["unknown"],
    isExportable: attributes?.exportable !== undefined && attributes.exportable !== false,
  };
}
