import type { SigningCertificate } from "../../domain/signing/certificate.ts";
import { printable } from "../printable.ts";
import type { RestAnswer, RestRequest } from "../rest.ts";
import { type Check, green, grey, needsAppIdentity, red, type Verdict } from "./check.ts";
import type { DoctorPorts } from "./ports.ts";
import { forbiddenToSigner, forbiddenToStorage, malformedSign, type Try, vaultApiVersion } from "./vault-tries.ts";

/**
 * Checks what the app's identities may do in the vault. Each right is tested with a real request, and nothing is
 * signed.
 */
export function vaultRightChecks(ports: DoctorPorts): Check[] {
  return [
    signCheck(ports),
    ...forbiddenToSigner.map((each) => forbiddenCheck("signing", each, ports)),
    ...forbiddenToStorage.map((each) => forbiddenCheck("storage", each, ports)),
  ];
}

/** The keys of the policy, each version once. */
export function keysOf({ policy }: Pick<DoctorPorts, "policy">): SigningCertificate[] {
  if (!policy) return [];
  const all = [...policy.clients.values()].flatMap(({ certificates }) => certificates);
  const keys = [...all, ...(policy.publisher?.certificates ?? [])];
  return [...new Map(keys.map((key) => [key.keyId, key])).values()];
}

/** The names of the keys, each once, separated by commas. */
export function namesOf(keys: readonly SigningCertificate[]): string {
  return [...new Set(keys.map(({ keyName }) => keyName))].join(", ");
}

/** The host of the policy's first key; undefined if no valid policy names a key. */
export function vaultHostOf(ports: Pick<DoctorPorts, "policy">): string | undefined {
  const [key] = keysOf(ports);
  return key && new URL(key.keyId).hostname;
}

/** Why nothing can be tested as this identity; undefined if it can. */
function obstacle(identity: "signing" | "storage", ports: DoctorPorts): Verdict | undefined {
  if (!ports.vaultAs[identity]) return grey(needsAppIdentity);
  if (!ports.withTries) return grey("skipped by --no-tries");
  return keysOf(ports).length === 0 ? grey("there is no valid policy that names a key") : undefined;
}

async function ask(identity: "signing" | "storage", ports: DoctorPorts, request: RestRequest, signal: AbortSignal) {
  const probe = ports.vaultAs[identity];
  if (!probe) throw new TypeError("this identity is not available here");
  return probe({ ...request, url: `${request.url}?${vaultApiVersion}` }, signal);
}

function signCheck(ports: DoctorPorts): Check {
  return {
    id: "vault/signing/sign",
    title: "the signing identity may sign with every key of the policy",
    async run(signal) {
      const inTheWay = obstacle("signing", ports);
      if (inTheWay) return inTheWay;
      const keys = keysOf(ports);
      const failed: string[] = [];
      for (const { keyId, keyName } of keys) {
        const request = { method: "POST", url: `${keyId}/sign`, body: malformedSign };
        const answer = await ask("signing", ports, request, signal);
        if (isUnclear(answer)) return grey(`the vault answered ${describeAnswer(answer)} for ${keyName}`);
        if (answer.status !== 400) failed.push(`${keyName}: ${describeAnswer(answer)}`);
      }
      if (failed.length === 0)
        return green(`a malformed request was refused as malformed, not as forbidden: ${namesOf(keys)}`);
      return red(
        failed.join("; "),
        "Keyhold cannot get new tokens for the clients of this key",
        "KeyDisabled: enable the version, if it was not disabled on purpose; ForbiddenByRbac: assign the role that signs",
      );
    },
  };
}

function forbiddenCheck(identity: "signing" | "storage", each: Try, ports: DoctorPorts): Check {
  return {
    id: `vault/${identity}/${each.id}`,
    title: `the ${identity} identity cannot ${each.title}`,
    async run(signal) {
      const inTheWay = obstacle(identity, ports);
      if (inTheWay) return inTheWay;
      const keys = keysOf(ports);
      const isPerKey = each.path.includes("{name}");
      for (const { keyId, keyName, keyVersion } of isPerKey ? keys : keys.slice(0, 1)) {
        const path = each.path.replace("{name}", keyName).replace("{version}", keyVersion);
        const { method, body } = each;
        const request = { method, url: `${new URL(keyId).origin}/${path}`, ...(body === undefined ? {} : { body }) };
        const answer = await ask(identity, ports, request, signal);
        if (!isRefusedForRights(answer)) return permitted(answer, each, identity);
      }
      return green(`tried, and refused with 403${isPerKey ? ` on ${namesOf(keys)}` : ""}`);
    },
  };
}

/** Inner codes of a 403 for a missing right. Other codes are about the key, which the vault checks after the right. */
const lacksRight: ReadonlySet<string> = new Set(["ForbiddenByRbac", "ForbiddenByPolicy", "AccessDenied"]);
const byNetwork: ReadonlySet<string> = new Set(["ForbiddenByFirewall", "ForbiddenByConnection"]);

function isRefusedForRights(answer: RestAnswer): boolean {
  const code = innerCodeOf(answer);
  return answer.status === 403 && (code === undefined || lacksRight.has(code));
}

/** Whether the answer is about the vault's network, limits or health, and not about rights. */
function isUnclear(answer: RestAnswer): boolean {
  const { status } = answer;
  return (
    status === 401 || status === 429 || status >= 500 || (status === 403 && byNetwork.has(innerCodeOf(answer) ?? ""))
  );
}

function permitted(answer: RestAnswer, { title, why }: Try, identity: "signing" | "storage"): Verdict {
  if (isUnclear(answer)) return grey(`the vault answered ${describeAnswer(answer)}, which says nothing about rights`);
  const kept = identity === "signing" ? "the one that signs, on each key by itself" : "those for storage";
  return red(
    `the vault answered ${describeAnswer(answer)}: the ${identity} identity would have been allowed to ${title}`,
    why,
    `remove every role of the ${identity} identity except ${kept}`,
  );
}

function innerCodeOf({ body }: RestAnswer): string | undefined {
  const { error } = (body ?? {}) as { error?: { innererror?: { code?: unknown } } };
  const code = error?.innererror?.code;
  return typeof code === "string" ? code : undefined;
}

function describeAnswer(answer: RestAnswer): string {
  const code = innerCodeOf(answer);
  return code === undefined ? `${answer.status}` : `${answer.status} ${printable(code, 40)}`;
}
