import { createHash, type X509Certificate } from "node:crypto";
import type { CertificateDocument } from "../../domain/policy/document.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import { exitCodes, type Report } from "../command-problem.ts";
import type { Edit, EditTarget } from "../policy/edit-policy.ts";
import type { LoadedPolicy } from "../policy/load-policy.ts";
import { isoTime, plural } from "../printable.ts";
import type { VaultKey } from "./vault-key.ts";

export interface AddCertificateInput {
  /** The owner of the certificate: an application, or the publisher. `name`: the common name. */
  owner: { name: string; clientId: Guid } | { name: string };
  keyName: string;
  days: number;
  newVersion: boolean;
  register: boolean;
  /** Whether the owner is not in the policy yet. */
  isNewOwner?: boolean;
  /** The policy to append it to, and how. */
  policy?: { loaded: LoadedPolicy; edits: (certificate: CertificateDocument) => Edit[] } & EditTarget;
  dryRun: boolean;
}

/** What a run without --dry-run would do. */
export function planReport(
  { owner, keyName, newVersion, days, register, policy }: AddCertificateInput,
  before: VaultKey | undefined,
  existing = 0,
): Report {
  const steps = [
    newVersion
      ? `make a new version of the key ${keyName}${before ? "" : ", which is not there yet"}`
      : `use the newest version of the key ${keyName}`,
    `ask the vault to sign a certificate CN=${owner.name} for ${plural(days, "day")}: one KeySign by you`,
    ...(register ? [`register it at the application; ${existing} existing ones stay`] : []),
    ...(policy ? ["append it to the policy"] : []),
  ];
  return {
    exit: exitCodes.fine,
    text: ["Dry run. It would:", ...steps.map((step) => `  - ${step}`)].join("\n"),
    json: { dryRun: true, steps },
  };
}

/** The result of the steps. */
interface Made {
  certificate: X509Certificate;
  keyId: string;
  requestId: string;
  done: readonly string[];
  isSaved: boolean;
}

/** What was made and what is left to do, with the certificate as PEM. `nowMs`: when the vault signed. */
export function madeReport(input: AddCertificateInput, made: Made, nowMs: number): Report {
  const { certificate, requestId, done } = made;
  const entry = entryOf(input, made);
  const isClient = "clientId" in input.owner;
  const next = [
    ...(input.register || !isClient ? [] : ["register it at the application (--register, or the portal)"]),
    ...(entry ? [`add to the ${listOf(input)}:`, ...JSON.stringify(entry, undefined, 2).split("\n")] : []),
  ];
  const notes = [
    `You asked the vault for a signature: request ${requestId} at ${isoTime(nowMs)}. The audit will report it as foreign_identity`,
    "(severity 0), since only Keyhold should sign. Inform the engineer on call.",
  ];
  const pem = certificate.toString();
  const printed = made.isSaved ? [] : ["", pem.trimEnd()];
  return {
    exit: exitCodes.fine,
    text: [...done, ...(next.length > 0 ? ["", "Next:", ...next] : []), ...printed].join("\n"),
    json: {
      thumbprint: thumbprintOf(certificate),
      notAfter: certificate.validToDate.toISOString(),
      requestId,
      done,
      certificate: pem,
      ...(entry && { addToPolicy: entry }),
    },
    notes,
  };
}

/** What to paste into the policy. */
function entryOf({ policy, isNewOwner, owner }: AddCertificateInput, { keyId, certificate }: Made): object | undefined {
  if (policy) return undefined;
  const listed = { keyId, certificate: certificate.toString() };
  if ("clientId" in owner) return isNewOwner ? { ...owner, certificates: [listed] } : listed;
  return isNewOwner
    ? { publisher: { certificates: [{ ...listed, state: "active" }] } }
    : { ...listed, state: "staged" };
}

function listOf({ owner, isNewOwner }: AddCertificateInput): string {
  if ("clientId" in owner) return isNewOwner ? "clients of the policy" : `certificates of ${owner.name} in the policy`;
  return isNewOwner ? "policy" : "certificates of publisher in the policy";
}

/** What the app does with the certificate once it is in the policy. */
export function whenAppended({ owner, isNewOwner }: AddCertificateInput): string {
  if ("clientId" in owner) return "it signs after its canary succeeds, within the hour";
  return isNewOwner
    ? "it is active, and signs idp.xml"
    : "it is staged; give it to the relying parties, then run keyhold publisher activate";
}

/** SHA-1, upper-case hexadecimal: the thumbprint that Entra's portal shows. */
export function thumbprintOf({ raw }: X509Certificate): string {
  return createHash("sha1").update(raw).digest("hex").toUpperCase();
}
