import type { SigningCertificate } from "../signing/certificate.ts";
import type { CanaryRecord, CertificateRecord, CredentialState } from "./credential-state.ts";

/**
 * staged -> (a canary token succeeds) -> active -> retiring. Pure: what is registered, what is known, what has just
 * happened, and what follows. `registered` are the certificates of the policy in their order.
 */

/** A certificate that Entra refused in production is not promoted again for so long, however its canaries fare. */
const refusedForMs = 6 * 3_600_000;
/** After so long nobody falls back to a replaced certificate any more: it may be removed. */
const retiringForMs = 24 * 3_600_000;

/**
 * One record for each registered certificate, and exactly one of them active. Who was active and is registered no more
 * is followed by the one that was so last; with nothing known the first of the policy begins.
 */
export function align(
  registered: readonly SigningCertificate[],
  state: CredentialState,
  nowMs: number,
): CertificateRecord[] {
  const records = registered.map(
    ({ x5tS256 }): CertificateRecord =>
      state.find((record) => record.x5tS256 === x5tS256) ?? { x5tS256, state: "staged", sinceMs: nowMs },
  );
  if (records.some((record) => record.state === "active")) return records;
  const retiring = records.filter((record) => record.state === "retiring").sort((a, b) => b.sinceMs - a.sinceMs);
  const next = retiring[0] ?? records[0];
  return next ? setActive(records, next.x5tS256, nowMs) : records;
}

/**
 * The certificate to sign with: the active one, or while that is not valid by its dates, another that is. One whose key
 * version is disabled stays: that it also expires is no way around the switch.
 */
export function chooseCertificate(
  registered: readonly SigningCertificate[],
  state: CredentialState,
  nowMs: number,
): SigningCertificate | undefined {
  const records = align(registered, state, nowMs);
  const active = byState(registered, records, "active")[0];
  const isDisabled = active !== undefined && recordOf(records, active)?.disabledAtMs !== undefined;
  if (active && (isDisabled || isValid(active, nowMs))) return active;
  return alternativeTo(active, registered, state, nowMs) ?? active;
}

/** The certificate to fall back to: one that signed before comes first, for Entra has accepted it. */
export function alternativeTo(
  refused: SigningCertificate | undefined,
  registered: readonly SigningCertificate[],
  state: CredentialState,
  nowMs: number,
): SigningCertificate | undefined {
  const records = align(registered, state, nowMs);
  const order = (["active", "retiring", "staged"] as const).flatMap((each) => byState(registered, records, each));
  return order.find((certificate) => {
    const { disabledAtMs, refusedAtMs } = recordOf(records, certificate) ?? {};
    const wasRefused = refusedAtMs !== undefined && nowMs - refusedAtMs < refusedForMs;
    return certificate !== refused && isValid(certificate, nowMs) && disabledAtMs === undefined && !wasRefused;
  });
}

/** Whether the active certificate's key version is disabled: somebody pulled the switch, so nothing is handed out. */
export function isStopped(registered: readonly SigningCertificate[], state: CredentialState, nowMs: number): boolean {
  // Asked for every token, and almost always no.
  if (!state.some(({ disabledAtMs }) => disabledAtMs !== undefined)) return false;
  const chosen = chooseCertificate(registered, state, nowMs);
  return chosen !== undefined && recordOf(state, chosen)?.disabledAtMs !== undefined;
}

/** `other` was accepted where `refused` was not: they change places. */
export function fallBack(
  state: CredentialState,
  refused: SigningCertificate,
  other: SigningCertificate,
  nowMs: number,
): CertificateRecord[] {
  return setActive(state, other.x5tS256, nowMs).map((record) =>
    record.x5tS256 === refused.x5tS256 ? { ...record, state: "staged", sinceMs: nowMs, refusedAtMs: nowMs } : record,
  );
}

/** The vault said that the key version is disabled, or signed with it again. */
export function markDisabled(
  state: CredentialState,
  certificate: SigningCertificate,
  disabledAtMs: number | undefined,
): CertificateRecord[] {
  return state.map((record) => {
    if (record.x5tS256 !== certificate.x5tS256) return record;
    const { disabledAtMs: _, ...rest } = record;
    return disabledAtMs === undefined ? rest : { ...rest, disabledAtMs: record.disabledAtMs ?? disabledAtMs };
  });
}

/**
 * What the canaries of one run mean. Of several staged certificates that succeeded, the last of the policy signs. While
 * the active key version is disabled only one that was staged after that: whoever adds it means it.
 */
export function applyCanaries(
  registered: readonly SigningCertificate[],
  state: CredentialState,
  canaries: ReadonlyMap<string, CanaryRecord>,
  nowMs: number,
): { state: CertificateRecord[]; promoted?: SigningCertificate } {
  const records = align(registered, state, nowMs).map((record) => {
    const canary = canaries.get(record.x5tS256);
    return canary ? { ...record, canary } : record;
  });
  const stoppedAtMs = records.find((record) => record.state === "active")?.disabledAtMs ?? Number.NEGATIVE_INFINITY;
  const promoted = byState(registered, records, "staged").findLast((certificate) => {
    const { refusedAtMs = Number.NEGATIVE_INFINITY, sinceMs = nowMs } = recordOf(records, certificate) ?? {};
    const isMeant = sinceMs > stoppedAtMs && nowMs - refusedAtMs >= refusedForMs;
    return isMeant && canaries.get(certificate.x5tS256)?.ok === true;
  });
  return promoted ? { state: setActive(records, promoted.x5tS256, nowMs), promoted } : { state: records };
}

/** Certificates that were replaced long enough ago to be removed, and of whom that was not told yet. */
export function retiredNow(
  registered: readonly SigningCertificate[],
  state: CredentialState,
  nowMs: number,
): SigningCertificate[] {
  return byState(registered, state, "retiring").filter((certificate) => {
    const { sinceMs = nowMs, isRetiredTold = false } = recordOf(state, certificate) ?? {};
    return !isRetiredTold && nowMs - sinceMs >= retiringForMs;
  });
}

/** The certificate's record in the state; undefined where it was not seen yet. */
export function recordOf(state: CredentialState, { x5tS256 }: SigningCertificate): CertificateRecord | undefined {
  return state.find((record) => record.x5tS256 === x5tS256);
}

function isValid({ notBeforeMs, notAfterMs }: SigningCertificate, nowMs: number): boolean {
  return notBeforeMs <= nowMs && nowMs < notAfterMs;
}

function byState(
  registered: readonly SigningCertificate[],
  state: CredentialState,
  wanted: CertificateRecord["state"],
): SigningCertificate[] {
  return registered.filter((certificate) => recordOf(state, certificate)?.state === wanted);
}

function setActive(state: CredentialState, x5tS256: string, nowMs: number): CertificateRecord[] {
  return state.map((record) => {
    if (record.x5tS256 === x5tS256)
      return record.state === "active" ? record : { ...record, state: "active", sinceMs: nowMs };
    if (record.state !== "active") return record;
    const { isRetiredTold: _, ...rest } = record;
    return { ...rest, state: "retiring", sinceMs: nowMs };
  });
}
