import { isoTime, plural } from "../printable.ts";
import type { RestAnswer, RestRequest } from "../rest.ts";
import type { Probe } from "./ports.ts";

/**
 * What the doctor's attempts add to the vault's log. The engineer on call must know, because the audit reports it
 * (domain/audit/reconcile).
 */
export interface Noise {
  signing: { signs: number; refused: number; carriedOut: number };
  /** Sign requests by an identity other than the signing one. */
  foreignSigns: number;
}

/** A count with all values at zero. */
export function startNoise(): Noise {
  return { signing: { signs: 0, refused: 0, carriedOut: 0 }, foreignSigns: 0 };
}

/** Wraps the probe, and counts in `noise` every request that the vault logs. */
export function counted(probe: Probe, identity: "signing" | "storage", noise: Noise): Probe {
  return async (request, signal) => {
    const answer = await probe(request, signal);
    count(request, answer, identity, noise);
    return answer;
  };
}

/** Counts a request. The audit ignores a 401, because it identifies no caller. */
function count({ url }: RestRequest, { status }: RestAnswer, identity: "signing" | "storage", noise: Noise): void {
  if (status === 401) return;
  const isSign = /\/sign\?/.test(url);
  if (identity === "storage") noise.foreignSigns += isSign ? 1 : 0;
  else if (isSign) noise.signing.signs += 1;
  else if (status < 400) noise.signing.carriedOut += 1;
  else noise.signing.refused += 1;
}

/** What to report to the engineer on call; empty if nothing was attempted. Times: milliseconds since 1970. */
export function describeNoise(noise: Noise, fromMs: number, toMs: number): string[] {
  const { signing, foreignSigns } = noise;
  const findings = [
    ...finding(signing.carriedOut, "foreign_operation", 0),
    ...finding(signing.refused, "foreign_operation", 1),
    ...finding(signing.signs, "unaccounted_refusal", 2),
    ...finding(foreignSigns, "foreign_identity", 2),
  ];
  if (findings.length === 0) return [];
  return [
    `Inform the engineer on call: the attempts are in the vault's log from ${isoTime(fromMs)} to ${isoTime(toMs)}.`,
    `The audit will report it within half an hour as ${findings.join(", ")}.`,
    "They come from this command; --no-tries skips them.",
  ];
}

function finding(count: number, kind: string, severity: number): string[] {
  return count === 0 ? [] : [`${kind} (severity ${severity}, ${plural(count, "request")})`];
}
