import { CommandProblem, type Report } from "../command-problem.ts";
import { editPolicy } from "../policy/edit-policy.ts";
import { type AddCertificateInput, madeReport, planReport, thumbprintOf, whenAppended } from "./certificate-report.ts";
import { certify, vaultTrouble } from "./certify.ts";
import type { Registration } from "./registration.ts";
import type { KeyOwner } from "./vault-key.ts";

interface AddCertificatePorts {
  keys: KeyOwner;
  /** Absent for the publisher, because no application has its certificate. */
  registration?: Registration;
  /** Stores the PEM in a file; undefined: it is printed. */
  save: ((pem: string) => Promise<void>) | undefined;
  nowMs: number;
}

/**
 * `client add-certificate`, `publisher add-certificate`: a certificate for a key that cannot be exported. The vault
 * sees only the SHA-256 that it signs, and the result is verified before it is used. Everything that can fail is
 * checked first. The policy is changed last, so that the app sees only certificates that Entra already knows.
 */
export async function addCertificate(input: AddCertificateInput, ports: AddCertificatePorts): Promise<Report> {
  const { keyName, owner } = input;
  const registered = input.register && "clientId" in owner ? owner : undefined;
  const prepared = registered && (await ports.registration?.prepare(registered.clientId));
  const before = await vaultTrouble(() => ports.keys.read(keyName));
  if (!before && !input.newVersion) {
    throw new CommandProblem("wrong", `There is no key ${keyName} in the vault`, {
      where: "--key",
      remedy: "name another with --key, or make it with --new-version",
    });
  }
  if (input.dryRun) return planReport(input, before, prepared?.existing);
  const key = input.newVersion || !before ? await vaultTrouble(() => ports.keys.create(keyName, before)) : before;
  const { certificate, requestId } = await certify(key, { commonName: owner.name, days: input.days }, ports);
  const pem = certificate.toString();
  const done = [`certificate ${thumbprintOf(certificate)}, key ${keyName}, signed by vault request ${requestId}`];
  try {
    await ports.save?.(pem);
    const der = certificate.raw.toString("base64");
    if (prepared) {
      await prepared.add({ der, displayName: `CN=${owner.name}` });
      done.push(
        `registered at the application; ${prepared.existing} existing ${prepared.existing === 1 ? "certificate is" : "certificates are"} kept`,
      );
    }
    if (input.policy) {
      const { loaded, edits, ...target } = input.policy;
      await editPolicy(loaded, edits({ keyId: key.keyId, certificate: pem }), target);
      done.push(`appended to the policy: ${whenAppended(input)}`);
    }
  } catch (error) {
    throw withDone(error, done, pem);
  }
  const made = { certificate, keyId: key.keyId, requestId, done, isSaved: ports.save !== undefined };
  return madeReport(input, made, ports.nowMs);
}

/** Adds the completed steps and the certificate to the error, because those steps are not undone. */
function withDone(error: unknown, done: readonly string[], pem: string): unknown {
  if (!(error instanceof CommandProblem)) return error;
  const { kind, message, where, remedy, details } = error;
  return new CommandProblem(kind, message, {
    where,
    remedy,
    details: [...details, ...done.map((each) => `done: ${each}`), pem.trimEnd()],
  });
}
