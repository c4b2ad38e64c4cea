import type { Command } from "commander";
import { errorClass } from "../adapters/azure/error.ts";
import type { CertificateRecord, CredentialState } from "../domain/credentials/credential-state.ts";
import { align, chooseCertificate, recordOf } from "../domain/credentials/life-cycle.ts";
import type { CredentialStore } from "../domain/credentials/ports.ts";
import type { AccessPolicy } from "../domain/policy/access-policy.ts";
import type { Guid } from "../domain/shared/guid.ts";
import type { SigningCertificate } from "../domain/signing/certificate.ts";
import { CommandProblem, exitCodes, type Report } from "./command-problem.ts";
import type { CommandContext } from "./connection.ts";
import { withIsoTimes } from "./metadata/status.ts";
import { loadPolicy } from "./policy/load-policy.ts";
import { duration, isoTime, printable, table } from "./printable.ts";

/** `credentials status`: each certificate of the policy with its state, last canary, expiry and troubles. */
export function addCredentialsCommand(program: Command, { run, clock }: CommandContext): void {
  program
    .command("credentials")
    .description("the certificates that Keyhold signs with")
    .command("status")
    .description(
      "Shows for each client which certificate is active, staged or retiring, its canary's result, and its expiry.",
    )
    .addHelpText(
      "after",
      `
Examples:
  keyhold credentials status
  keyhold credentials status --json

Needs: to read the policy (Storage Blob Data Reader) and the audit table (Storage Table Data Reader).
Exit code 1: an active certificate has a failed canary, a disabled key, or 30 days or less left.`,
    )
    .action(() =>
      run(async (connect) => {
        const { policyPlace, policyContext, credentialStore } = connect();
        const { policy } = await loadPolicy(policyPlace, policyContext);
        return credentialsStatus(policy, credentialStore, clock());
      }),
    );
}

interface CertificateStatus extends Partial<CertificateRecord> {
  client: string;
  keyName: string;
  keyVersion: string;
  thumbprint: string;
  notAfterMs: number;
  /** Whether it is the one that signs now. */
  signs: boolean;
  /** Empty if there is none. */
  troubles: string[];
}

async function credentialsStatus(policy: AccessPolicy, store: CredentialStore, nowMs: number): Promise<Report> {
  const statuses = certificateStatuses(policy, await loadStates(store), nowMs);
  const rows = statuses.map((status) => [
    status.client,
    status.keyName,
    status.keyVersion.slice(0, 8),
    status.thumbprint.slice(0, 8),
    status.signs ? `${status.state ?? "-"} *` : (status.state ?? "-"),
    canaryText(status, nowMs),
    `${isoTime(status.notAfterMs).slice(0, 10)} (${status.notAfterMs > nowMs ? duration(status.notAfterMs - nowMs) : "over"})`,
    status.troubles.join("; ") || "-",
  ]);
  const head = ["CLIENT", "KEY", "VERSION", "SHA-1", "STATE (* signs)", "LAST CANARY", "EXPIRES (IN)", "TROUBLE"];
  return {
    exit: statuses.some(({ troubles }) => troubles.length > 0) ? exitCodes.wrong : exitCodes.fine,
    text: table([head, ...rows]),
    json: statuses.map(({ canary, isRetiredTold: _, ...status }) => ({
      ...withIsoTimes(status as unknown as Record<string, unknown>),
      ...(canary && { canary: withIsoTimes(canary as unknown as Record<string, unknown>) }),
    })),
  };
}

async function loadStates(store: CredentialStore): Promise<ReadonlyMap<Guid, CredentialState>> {
  try {
    return await store.load();
  } catch (error) {
    throw new CommandProblem("unavailable", `The states of certificates cannot be read (${errorClass(error)})`, {
      where: "KEYHOLD_AUDIT_TABLE_URL",
      remedy: "check the network path, and that you may read it: az login, Storage Table Data Reader",
    });
  }
}

/** Milliseconds. A certificate that expires within this time has a trouble. */
export const soonMs = 30 * 86_400_000;

/** Pure. The publisher's certificates have no canary, and their states are the policy's. */
export function certificateStatuses(
  policy: AccessPolicy,
  states: ReadonlyMap<Guid, CredentialState>,
  nowMs: number,
): CertificateStatus[] {
  const ofClients = [...policy.clients.values()].flatMap(({ name, clientId, isActive, certificates }) => {
    const state = align(certificates, states.get(clientId) ?? [], nowMs);
    const chosen = chooseCertificate(certificates, states.get(clientId) ?? [], nowMs);
    return certificates.map((certificate) => {
      const record = recordOf(state, certificate);
      const signs = isActive && certificate === chosen;
      return describe(name, certificate, record, signs, nowMs);
    });
  });
  const ofPublisher = (policy.publisher?.certificates ?? []).map(({ state, ...certificate }) => {
    const record = recordOf(states.get(policy.homeTenantId) ?? [], certificate);
    const { x5tS256 } = certificate;
    const since = record?.state === state ? record.sinceMs : nowMs;
    return describe("(publisher)", certificate, { x5tS256, state, sinceMs: since }, state === "active", nowMs);
  });
  return [...ofClients, ...ofPublisher];
}

function describe(
  client: string,
  certificate: SigningCertificate,
  record: CertificateRecord | undefined,
  signs: boolean,
  nowMs: number,
): CertificateStatus {
  const { keyName, keyVersion, thumbprint, notBeforeMs, notAfterMs } = certificate;
  const { canary, disabledAtMs, refusedAtMs } = record ?? {};
  const troubles = [
    ...(nowMs < notBeforeMs ? [`not valid before ${isoTime(notBeforeMs)}`] : []),
    ...(nowMs >= notAfterMs ? ["expired"] : notAfterMs - nowMs <= soonMs ? ["expires soon"] : []),
    ...(canary?.ok === false ? [`canary failed: ${printable(canary.reason ?? "unknown", 60)}`] : []),
    ...(disabledAtMs !== undefined ? [`key disabled since ${isoTime(disabledAtMs)}`] : []),
    ...(refusedAtMs !== undefined && !canary?.ok ? [`refused by Entra at ${isoTime(refusedAtMs)}`] : []),
  ];
  return {
    client,
    keyName,
    keyVersion,
    thumbprint,
    notAfterMs,
    signs,
    ...record,
    troubles: signs || record?.state === "staged" ? troubles : [],
  };
}

function canaryText({ canary }: CertificateStatus, nowMs: number): string {
  if (!canary) return "never";
  const codes = canary.codes?.length ? ` ${canary.codes.join(" ")}` : "";
  return `${canary.ok ? "ok" : `failed${codes}`}, ${duration(nowMs - canary.atMs)} ago`;
}
