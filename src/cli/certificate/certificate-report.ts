import { createHash, type X509Certificate } from "node:crypto";
import type { Guid } from "../../domain/shared/guid.ts";
import { exitCodes, type Report } from "../command-problem.ts";
import type { EditTarget } from "../policy/edit-policy.ts";
import type { LoadedPolicy } from "../policy/load-policy.ts";
import { isoTime, plural } from "../printable.ts";
import type { VaultKey } from "./vault-key.ts";

export interface AddCertificateInput {
  client: { name: string; clientId: Guid };
  keyName: string;
  days: number;
  newVersion: boolean;
  register: boolean;
  /** The policy does not have the client yet. */
  isNewClient?: boolean;
  /** Append it to this policy. */
  /** Where to append it: a client of a policy that was read. */
  policy?: { loaded: LoadedPolicy; index: number } & EditTarget;
  dryRun: boolean;
}

/** What a run without --dry-run would do. */
export function planReport(
  { client, keyName, newVersion, days, register, policy }: AddCertificateInput,
  before: VaultKey | undefined,
  existing = 0,
): Report {
  const steps = [
    newVersion
      ? `make a new version of the key ${keyName}${before ? "" : ", which is not there yet"}`
      : `take the newest version of the key ${keyName}`,
    `ask the vault to sign a certificate CN=${client.name} for ${plural(days, "day")}: one KeySign by you`,
    ...(register ? [`register it at the application beside ${existing} that stay`] : []),
    ...(policy ? ["append it to the policy"] : []),
  ];
  return {
    exit: exitCodes.fine,
    text: ["Dry run. It would:", ...steps.map((step) => `  - ${step}`)].join("\n"),
    json: { dryRun: true, steps },
  };
}

/** What was done. */
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
  const list = input.isNewClient ? "clients of the policy" : `certificates of ${input.client.name} in the policy`;
  const next = [
    ...(input.register ? [] : ["register it at the application (--register, or the portal)"]),
    ...(entry ? [`add to the ${list}:`, ...JSON.stringify(entry, undefined, 2).split("\n")] : []),
  ];
  const notes = [
    `You asked the vault for a signature: request ${requestId} at ${isoTime(nowMs)}. The audit will report it as foreign_identity`,
    "(severity 0), since only Keyhold is to sign. Tell whoever is on call.",
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

/** What is still to be added to the policy, to paste. */
function entryOf(
  { policy, isNewClient, client }: AddCertificateInput,
  { keyId, certificate }: Made,
): object | undefined {
  if (policy) return undefined;
  const listed = { keyId, certificate: certificate.toString() };
  return isNewClient ? { ...client, certificates: [listed] } : listed;
}

/** SHA-1, upper-case hexadecimal: what Entra's portal calls it by. */
export function thumbprintOf({ raw }: X509Certificate): string {
  return createHash("sha1").update(raw).digest("hex").toUpperCase();
}
