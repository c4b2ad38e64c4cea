import { expectedCredentials, findDrift } from "../../domain/credentials/drift.ts";
import { ApplicationDirectoryError } from "../../domain/credentials/ports.ts";
import type { ClientRule, PublisherRule } from "../../domain/policy/access-policy.ts";
import { certificateStatuses, soonMs } from "../credentials-status.ts";
import { duration, plural, printable } from "../printable.ts";
import { type Check, green, grey, red } from "./check.ts";
import type { DoctorPorts } from "./ports.ts";

/**
 * Checks for each client that its certificate is valid and accepted, and that nobody else can act as the application.
 */
export function certificateChecks(ports: DoctorPorts): Check[] {
  const clients = [...(ports.policy?.clients.values() ?? [])].filter(({ isActive }) => isActive);
  const ofClients = clients.flatMap((client) => [certificateCheck(client, ports), driftCheck(client, ports)]);
  return ports.policy?.publisher ? [...ofClients, publisherCheck(ports.policy.publisher, ports)] : ofClients;
}

function publisherCheck({ active, certificates }: PublisherRule, { clock }: DoctorPorts): Check {
  return {
    id: "certificate/publisher",
    title: "the certificate that signs idp.xml is valid, and a successor is staged in time",
    async run() {
      const nowMs = clock();
      const name = active.thumbprint.slice(0, 8);
      const isValid = active.notBeforeMs <= nowMs && nowMs < active.notAfterMs;
      const left = duration(active.notAfterMs - nowMs);
      const isNextThere = certificates.some(
        ({ state, notAfterMs }) => state === "staged" && notAfterMs > active.notAfterMs,
      );
      if (isValid && (isNextThere || active.notAfterMs - nowMs > soonMs)) {
        return green(`${name} is valid for ${left}${isNextThere ? ", and the next one is staged" : ""}`);
      }
      return red(
        isValid ? `${name} is valid for ${left}, and no successor is staged` : `${name} is not valid now`,
        "relying parties reject idp.xml, now or soon, so their logins fail after Entra's next key rollover",
        isNextThere ? "keyhold publisher activate" : "keyhold publisher add-certificate --new-version --policy",
      );
    },
  };
}

function certificateCheck({ name, certificates }: ClientRule, ports: DoctorPorts): Check {
  return {
    id: `certificate/${name}`,
    title: `the certificate of ${name} is valid, and Entra accepts it`,
    async run() {
      if (!ports.policy || certificates.length === 0) return grey("it has no certificate of its own");
      const nowMs = ports.clock();
      const statuses = certificateStatuses(ports.policy, await ports.credentialStore.load(), nowMs);
      const signing = statuses.find(({ client, signs }) => client === name && signs);
      if (!signing) return grey("none of its certificates signs");
      const { thumbprint, troubles, notAfterMs, canary } = signing;
      if (troubles.length > 0) {
        return red(
          `${thumbprint.slice(0, 8)}: ${troubles.join("; ")}`,
          "no tokens can be issued, now or soon",
          "keyhold credentials status; keyhold client add-certificate --new-version",
        );
      }
      const left = `${thumbprint.slice(0, 8)} is valid for ${duration(notAfterMs - nowMs)}`;
      if (!canary) return grey(`${left}, but had no canary yet: the timer checkCredentials runs every hour`);
      return green(`${left}, its canary got a token ${duration(nowMs - canary.atMs)} ago`);
    },
  };
}

function driftCheck(
  { name, clientId, certificates, federation }: ClientRule,
  { directory, config }: DoctorPorts,
): Check {
  const expected = expectedCredentials(
    { certificates, ...(federation && { federation }) },
    config.cloud,
    config.homeTenantId,
  );
  return {
    id: `drift/${name}`,
    title: `the application of ${name} has the policy's credentials and no others`,
    async run() {
      try {
        const found = await directory.credentialsOf(clientId);
        const findings = findDrift(expected, found);
        if (findings.length === 0)
          return green(
            `${plural(found.keys.length + found.federated.length, "credential")}, each in the policy; instance lock on`,
          );
        const [first] = findings;
        return red(
          findings
            .map(({ finding, on, thumbprint = "" }) => `${finding} on the ${on} ${thumbprint.slice(0, 8)}`.trim())
            .join("; "),
          first?.severity === 0
            ? "somebody can act as the application without Keyhold"
            : "Entra will refuse Keyhold, or a protection is missing",
          "find out who added it (Entra's audit log), and remove it; or add what is missing",
        );
      } catch (error) {
        if (!(error instanceof ApplicationDirectoryError)) throw error;
        return grey(`Microsoft Graph: ${error.code}${error.because ? ` (${printable(error.because, 60)})` : ""}`);
      }
    },
  };
}
