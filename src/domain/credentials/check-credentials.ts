import { mintWith } from "../issuing/mint.ts";
import type { IssuingPorts } from "../issuing/ports.ts";
import type { AccessPolicy, ClientRule, PublisherRule } from "../policy/access-policy.ts";
import type { Cloud } from "../shared/cloud.ts";
import { Fault } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";
import { ownScope } from "../shared/scope.ts";
import type { SigningCertificate } from "../signing/certificate.ts";
import type { CanaryRecord, CertificateRecord, CredentialState } from "./credential-state.ts";
import type { CredentialStates } from "./current-credentials.ts";
import { describeCertificate } from "./describe-certificate.ts";
import { expectedCredentials, findDrift } from "./drift.ts";
import type { CredentialEvent } from "./events.ts";
import { expiryWarning } from "./expiry.ts";
import { align, applyCanaries, isRefusedNow, isRetiredNow, isValid, recordOf } from "./life-cycle.ts";
import { type ApplicationDirectory, ApplicationDirectoryError, type CredentialStore } from "./ports.ts";

export interface CheckPorts extends IssuingPorts {
  credentials: CredentialStates;
  store: CredentialStore;
  directory: ApplicationDirectory;
  record: (event: CredentialEvent) => void;
  cloud: Cloud;
  instance: string;
}

/**
 * One run of the timer. A canary token, which is discarded, is minted with every active or staged certificate. A staged
 * certificate whose canary succeeds signs from then on; nothing else promotes it. The canaries of active certificates
 * detect a disabled key or a refusal even if no caller requests tokens. They also keep the sign rate above zero, so
 * that a rate of zero means trouble. A failure of one client does not affect the others.
 */
export async function checkCredentials(policy: AccessPolicy, ports: CheckPorts): Promise<void> {
  const startedMs = ports.clock();
  const clients = [...policy.clients.values()].filter(({ isActive }) => isActive);
  const states = await ports.store.load();
  let canaries = 0;
  await eachOf(clients, ports, async (client) => {
    canaries += await checkClient(client, states.get(client.clientId) ?? [], policy.homeTenantId, ports);
  });
  // Suspended clients are checked too: Entra does not know that they are suspended.
  await eachOf([...policy.clients.values()], ports, (client) => reportDrift(client, policy.homeTenantId, ports));
  if (policy.publisher) await warnOfPublisher(policy.publisher, policy.homeTenantId, ports);
  const durationMs = ports.clock() - startedMs;
  ports.record({ event: "credentials_checked", clients: clients.length, canaries, durationMs });
}

/**
 * How many clients are checked at once. While Entra is down each check runs into its deadline, and the platform allows
 * five minutes for a run.
 */
const atOnce = 8;

async function eachOf(
  clients: readonly ClientRule[],
  ports: CheckPorts,
  check: (client: ClientRule) => Promise<void>,
): Promise<void> {
  const told = (client: ClientRule) =>
    check(client).catch((error) => {
      const failed = { event: "credentials_check_failed", clientId: client.clientId, because: nameOf(error) } as const;
      ports.record(isExpected(error) ? failed : { ...failed, frames: ports.framesOf(error) });
    });
  for (let rest = clients; rest.length > 0; rest = rest.slice(atOnce)) {
    await Promise.all(rest.slice(0, atOnce).map(told));
  }
}

/** Reports the drift in every run while it lasts: a foreign credential must not go unnoticed. */
async function reportDrift(client: ClientRule, homeTenantId: Guid, ports: CheckPorts): Promise<void> {
  const { clientId, name } = client;
  const found = await ports.directory.credentialsOf(clientId);
  for (const finding of findDrift(expectedCredentials(client, ports.cloud, homeTenantId), found)) {
    ports.record({ event: "credential_drift", clientId, client: name, ...finding });
  }
}

async function checkClient(
  client: ClientRule,
  before: readonly CertificateRecord[],
  homeTenantId: Guid,
  ports: CheckPorts,
): Promise<number> {
  const { clientId, certificates } = client;
  const nowMs = ports.clock();
  const aligned = align(certificates, before, nowMs);
  const canaries = new Map<string, CanaryRecord>();
  for (const [i, certificate] of certificates.entries()) {
    const state = aligned[i]?.state;
    if (!state || state === "retiring" || !isValid(certificate, nowMs)) continue;
    const canary = await mintCanary(client, certificate, homeTenantId, ports);
    canaries.set(certificate.x5tS256, canary);
    if (canary.ok) continue;
    const { atMs: _, ok: __, ...failure } = canary;
    ports.record({
      event: "credential_canary_failed",
      clientId,
      ...describeCertificate(certificate),
      state,
      ...failure,
    });
  }
  let promoted: SigningCertificate | undefined;
  let told: (() => void)[] = [];
  const known = (certificate: SigningCertificate) => recordOf(before, certificate);
  // The store may call this again with a newer state, so the events are collected again each time.
  await ports.store.update(clientId, (state) => {
    told = [];
    const applied = applyCanaries(certificates, state, canaries, nowMs);
    promoted = applied.promoted;
    told.push(...standingAlarms(client, applied.state, known, nowMs, ports));
    return applied.state.map((record) => warnOf(client, record, nowMs, ports, told));
  });
  await ports.credentials.reload();
  if (promoted) ports.record({ event: "credential_promoted", clientId, ...describeCertificate(promoted) });
  for (const tell of told) tell();
  return canaries.size;
}

type Minted = { atMs: number; ok: true } | { atMs: number; ok: false; reason: string; codes?: readonly number[] };

/** Mints a token for the client itself in the home tenant. It grants no access and is discarded at once. */
async function mintCanary(
  client: ClientRule,
  certificate: SigningCertificate,
  homeTenantId: Guid,
  ports: CheckPorts,
): Promise<Minted> {
  const { clientId } = client;
  const order = {
    ...{ purpose: "canary" as const, caller: { name: "keyhold" }, client, clientId, tenantId: homeTenantId },
    ...{ scope: ownScope(clientId), cloud: ports.cloud, instance: ports.instance },
  };
  const atMs = ports.clock();
  try {
    const minted = await mintWith(certificate, order, ports);
    if (minted.ok) return { atMs, ok: true };
    const { reason, codes } = minted.refusal;
    return { atMs, ok: false, reason, codes };
  } catch (error) {
    if (!(error instanceof Fault)) return { atMs, ok: false, reason: nameOf(error) };
    const { codes } = error.detail;
    return { atMs, ok: false, reason: error.code, ...(codes ? { codes } : {}) };
  }
}

/**
 * Marks in the record what will be reported. Adds functions to `told` that report it; they are called once the record
 * is stored.
 */
function warnOf(
  { clientId, certificates }: ClientRule,
  record: CertificateRecord,
  nowMs: number,
  ports: CheckPorts,
  told: (() => void)[],
): CertificateRecord {
  const certificate = certificates.find(({ x5tS256 }) => x5tS256 === record.x5tS256);
  if (!certificate) return record;
  const facts = { clientId, ...describeCertificate(certificate) };
  if (isRetiredNow(record, nowMs)) {
    told.push(() => ports.record({ event: "credential_retired", ...facts }));
    return { ...record, isRetiredTold: true };
  }
  const warning = record.state === "retiring" ? undefined : expiryWarning(certificate, nowMs);
  if (warning) told.push(() => ports.record({ event: "credential_expiring", ...facts, ...warning }));
  return record;
}

/**
 * Repeats the alarms that still apply, in every run: a disabled key version, and a certificate that another one
 * replaces because Entra refused it. `known`: the record at the start of the run.
 */
function standingAlarms(
  { clientId, certificates }: ClientRule,
  state: CredentialState,
  known: (certificate: SigningCertificate) => CertificateRecord | undefined,
  nowMs: number,
  ports: CheckPorts,
): (() => void)[] {
  const active = certificates.find((each) => recordOf(state, each)?.state === "active");
  return certificates.flatMap((certificate) => {
    const facts = { clientId, ...describeCertificate(certificate) };
    const { disabledAtMs, canary, ...record } = recordOf(state, certificate) ?? {};
    const before = known(certificate);
    const isDisabled = disabledAtMs !== undefined && before?.disabledAtMs === disabledAtMs;
    const isRefused = certificate !== active && isRefusedNow(record, nowMs) && isRefusedNow(before ?? {}, nowMs);
    const to = active && describeCertificate(active).thumbprint;
    return [
      ...(isDisabled ? [() => ports.record({ event: "credential_disabled", ...facts })] : []),
      ...(isRefused && to
        ? [() => ports.record({ event: "credential_fallback", ...facts, to, codes: canary?.codes ?? [] })]
        : []),
    ];
  });
}

/**
 * Warns about the publisher's certificates. The publisher has no canary: relying parties trust its certificates, and
 * the policy sets their states. The time when each got its state is stored under the home tenant's id.
 */
async function warnOfPublisher(publisher: PublisherRule, homeTenantId: Guid, ports: CheckPorts): Promise<void> {
  const nowMs = ports.clock();
  let told: (() => void)[] = [];
  await ports.store.update(homeTenantId, (before) => {
    told = [];
    return publisher.certificates.map((certificate): CertificateRecord => {
      const { x5tS256, state } = certificate;
      const known = recordOf(before, certificate);
      const record = known?.state === state ? known : { ...known, x5tS256, state, sinceMs: nowMs };
      const warning = state === "retiring" ? undefined : expiryWarning(certificate, nowMs);
      if (warning) {
        told.push(() =>
          ports.record({ event: "credential_expiring", ...describeCertificate(certificate), ...warning }),
        );
      }
      return record;
    });
  });
  for (const tell of told) tell();
}

function isExpected(error: unknown): error is Fault | ApplicationDirectoryError {
  return error instanceof Fault || error instanceof ApplicationDirectoryError;
}

function nameOf(error: unknown): string {
  if (isExpected(error)) return error.code;
  return error instanceof Error ? error.name : "unknown";
}
