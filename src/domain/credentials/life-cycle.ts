import type { SigningCertificate } from "../signing/certificate.ts";
import type { CanaryRecord, CertificateRecord, CredentialState } from "./credential-state.ts";

/**
 * staged -> (a canary token succeeds) -> active -> retiring. Pure functions: the new state follows from the registered
 * certificates, the known state and an event. `registered`: the certificates of the policy, in its order.
 */

/**
 * What this process has observed itself, by `x5tS256`: answers of the vault and of Entra. The stored state comes from a
 * table, and somebody who can write there must not be able to stop a client. So the table's marks only change the order
 * in which certificates are tried.
 */
export type Sightings = ReadonlyMap<string, Sighting>;

export interface Sighting {
  /** Milliseconds since 1970. */
  refusedAtMs?: number;
  disabledAtMs?: number | undefined;
}

/**
 * Milliseconds. For this time a certificate that Entra refused in production is not promoted again, even if its
 * canaries succeed.
 */
const refusedForMs = 6 * 3_600_000;
/** Milliseconds. For this time a certificate that Entra refused to this process is not tried as a fallback. */
const avoidedForMs = 600_000;
/** Milliseconds that another instance's clock may be ahead. */
const maxAheadMs = 300_000;
/** Milliseconds. After this time a replaced certificate is no longer a fallback and may be removed. */
const retiringForMs = 24 * 3_600_000;

/**
 * Returns one record for each registered certificate, with exactly one active. If the active one is no longer
 * registered, the one that was active last replaces it. Without any state, the first of the policy is active.
 */
export function align(
  registered: readonly SigningCertificate[],
  state: CredentialState,
  nowMs: number,
): CertificateRecord[] {
  const records = registered.map(
    ({ x5tS256 }): CertificateRecord =>
      believable(
        state.find((record) => record.x5tS256 === x5tS256) ?? { x5tS256, state: "staged", sinceMs: nowMs },
        nowMs,
      ),
  );
  if (records.some((record) => record.state === "active")) return records;
  const retiring = records.filter((record) => record.state === "retiring").sort((a, b) => b.sinceMs - a.sinceMs);
  const next = retiring[0] ?? records[0];
  return next ? setActive(records, next.x5tS256, nowMs) : records;
}

/**
 * Drops times in the future, because they would not expire in time. Small differences between instances' clocks are
 * tolerated.
 */
function believable({ refusedAtMs, disabledAtMs, ...record }: CertificateRecord, nowMs: number): CertificateRecord {
  const isBelieved = (atMs: number | undefined): atMs is number => atMs !== undefined && atMs <= nowMs + maxAheadMs;
  return {
    ...record,
    sinceMs: isBelieved(record.sinceMs) ? record.sinceMs : nowMs,
    ...(isBelieved(refusedAtMs) ? { refusedAtMs } : {}),
    ...(isBelieved(disabledAtMs) ? { disabledAtMs } : {}),
  };
}

/**
 * The certificate to sign with: the active one, or, while its dates make it invalid, another that is valid. An active
 * certificate whose key version is disabled is kept even if it also expires: nothing may bypass the kill switch.
 */
export function chooseCertificate(
  registered: readonly SigningCertificate[],
  state: CredentialState,
  nowMs: number,
  seen: Sightings = new Map(),
): SigningCertificate | undefined {
  const records = align(registered, state, nowMs);
  const active = byState(registered, records, "active")[0];
  const isDisabled = active !== undefined && seen.get(active.x5tS256)?.disabledAtMs !== undefined;
  if (active && (isDisabled || isValid(active, nowMs))) return active;
  return alternativesTo(active, registered, state, nowMs, seen)[0] ?? active;
}

/**
 * The certificates to fall back to, best first. First those that signed before, because Entra has accepted them; then
 * staged ones; last those that the table marks as disabled or refused, because the table may be wrong.
 */
export function alternativesTo(
  refused: SigningCertificate | undefined,
  registered: readonly SigningCertificate[],
  state: CredentialState,
  nowMs: number,
  seen: Sightings = new Map(),
): SigningCertificate[] {
  const records = align(registered, state, nowMs);
  const order = (["active", "retiring", "staged"] as const).flatMap((each) => byState(registered, records, each));
  const possible = order.filter((certificate) => {
    const { disabledAtMs, refusedAtMs } = seen.get(certificate.x5tS256) ?? {};
    const wasRefused = refusedAtMs !== undefined && nowMs - refusedAtMs < avoidedForMs;
    return certificate !== refused && isValid(certificate, nowMs) && disabledAtMs === undefined && !wasRefused;
  });
  const marked = new Set(
    records
      .filter((record) => record.disabledAtMs !== undefined || isRefusedNow(record, nowMs))
      .map(({ x5tS256 }) => x5tS256),
  );
  const isMarked = ({ x5tS256 }: SigningCertificate) => marked.has(x5tS256);
  return [...possible.filter((certificate) => !isMarked(certificate)), ...possible.filter(isMarked)];
}

/**
 * Whether the active certificate's key version is disabled, as observed here or according to the table. Then no token
 * is returned until the vault has signed again. If only the table says so, the next signature ends the stop.
 */
export function isStopped(
  registered: readonly SigningCertificate[],
  state: CredentialState,
  nowMs: number,
  seen: Sightings = new Map(),
): boolean {
  // Fast path: this runs for every token, and the answer is almost always no.
  const isSeen = [...seen.values()].some((mark) => mark.disabledAtMs !== undefined);
  if (!isSeen && !state.some(({ disabledAtMs }) => disabledAtMs !== undefined)) return false;
  const chosen = chooseCertificate(registered, state, nowMs, seen);
  if (chosen === undefined) return false;
  const marks = [recordOf(align(registered, state, nowMs), chosen), seen.get(chosen.x5tS256)];
  return marks.some((mark) => mark?.disabledAtMs !== undefined);
}

/** Entra accepted `other` after it had refused `refused`: they swap places. */
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

/** Notes that the vault reported the key version as disabled, or signed with it again. */
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
 * Applies the results of one run's canaries. If several staged certificates succeeded, the last one in the policy
 * signs. While the active key version is disabled, only a certificate that was staged after that counts, because an
 * operator added it on purpose.
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
  const promoted = registered.findLast(({ x5tS256 }, i) => {
    const record = records[i];
    const isMeant = record?.state === "staged" && record.sinceMs > stoppedAtMs && !isRefusedNow(record, nowMs);
    return isMeant && canaries.get(x5tS256)?.ok === true;
  });
  return promoted ? { state: setActive(records, promoted.x5tS256, nowMs), promoted } : { state: records };
}

/** Whether the certificate was replaced long enough ago to be removed, and this was not reported yet. */
export function isRetiredNow({ state, sinceMs, isRetiredTold }: CertificateRecord, nowMs: number): boolean {
  return state === "retiring" && !isRetiredTold && nowMs - sinceMs >= retiringForMs;
}

/** Whether Entra refused it in production so recently that no canary may promote it again. */
export function isRefusedNow({ refusedAtMs }: Pick<CertificateRecord, "refusedAtMs">, nowMs: number): boolean {
  return refusedAtMs !== undefined && nowMs - refusedAtMs < refusedForMs;
}

/** The certificate's record in the state; undefined if it has none yet. */
export function recordOf(state: CredentialState, { x5tS256 }: SigningCertificate): CertificateRecord | undefined {
  return state.find((record) => record.x5tS256 === x5tS256);
}

/** Whether its dates make it valid now. */
export function isValid({ notBeforeMs, notAfterMs }: SigningCertificate, nowMs: number): boolean {
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
