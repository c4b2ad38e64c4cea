import { Fault } from "../shared/fault.ts";
import type { AccessPolicy } from "./access-policy.ts";
import type { PolicyEvent } from "./events.ts";
import type { PolicyReading, PolicySource } from "./ports.ts";

/** The policy in force, re-read while requests come. */
export interface CurrentPolicy {
  /** Throws `policy_unavailable` where there is none, or none that was re-read within the last hour. */
  at(nowMs: number): Promise<AccessPolicy>;
  /** First reading. One that is bad or cannot be read is an event, and is read again when requests come. */
  load(nowMs: number): Promise<void>;
  /** Problems of the last reading; 0 where it was accepted. For the readiness probe. */
  rejectedProblems(): number;
  /** Milliseconds since the last reading; undefined before the first. For the readiness probe. */
  ageMs(nowMs: number): number | undefined;
}

/** A suspension must be refused everywhere within 60 s: from 30 s on it is re-read, from 50 s on a request waits. */
const freshMs = 30_000;
const waitMs = 50_000;
const retryMs = 5_000;
/** Without a reading for so long, a suspension may have been missed for too long: nothing is issued any more. */
const maxPolicyAgeMs = 3_600_000;

/**
 * Read on request rather than by a timer: an idle instance costs nothing, and one that was frozen cannot answer from a
 * policy of before. A policy that is broken never replaces one that is not.
 */
export function createCurrentPolicy(
  source: PolicySource,
  record: (event: PolicyEvent) => void,
  onApplied: (policy: AccessPolicy) => void,
): CurrentPolicy {
  let policy: AccessPolicy | undefined;
  let etag: string | undefined;
  let readAtMs: number | undefined;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let failedAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;
  let problems = 0;

  // A clock that was set back makes a reading old, not new: nobody knows how long ago it was.
  const ageMs = (nowMs: number) => (readAtMs === undefined ? undefined : Math.abs(nowMs - readAtMs));

  async function read(nowMs: number): Promise<void> {
    triedAtMs = nowMs;
    let result: PolicyReading;
    try {
      result = await source.read(etag);
    } catch (error) {
      failedAtMs = nowMs;
      const age = ageMs(nowMs);
      const ageSeconds = age === undefined ? undefined : Math.round(age / 1000);
      record({ event: "policy_not_readable", ageSeconds, because: error instanceof Error ? error.name : "unknown" });
      return;
    }
    readAtMs = nowMs;
    if (!result.changed) return;
    etag = result.etag;
    if ("problems" in result) {
      problems = result.problems.length;
      record({ event: "policy_rejected", etag, problems: result.problems });
      return;
    }
    problems = 0;
    policy = result.policy;
    record({ event: "policy_applied", etag, grants: policy.grants.size });
    onApplied(policy);
  }

  function readOnce(nowMs: number): Promise<void> {
    reading ??= read(nowMs).finally(() => {
      reading = undefined;
    });
    return reading;
  }

  return {
    load: readOnce,
    rejectedProblems: () => problems,
    ageMs,
    async at(nowMs) {
      const age = ageMs(nowMs) ?? Number.POSITIVE_INFINITY;
      // Where nothing is in force yet, a repaired policy should not wait for its turn.
      const mustWait = policy === undefined || age >= waitMs;
      const isDue = (policy === undefined || age >= freshMs) && Math.abs(nowMs - triedAtMs) >= retryMs;
      // While storage is known to be down, waiting for it would tell nothing: requests go on, tries go on beside them.
      const isDown = failedAtMs > (readAtMs ?? Number.NEGATIVE_INFINITY);
      const isKnownDown = policy !== undefined && isDown && (reading !== undefined || nowMs - failedAtMs < 2 * retryMs);
      if (isDue || (reading && mustWait)) {
        const done = readOnce(nowMs);
        if (mustWait && !isKnownDown) await done;
      }
      const ageNow = ageMs(nowMs) ?? Number.POSITIVE_INFINITY;
      if (!policy || ageNow >= maxPolicyAgeMs) throw new Fault("policy_unavailable");
      return policy;
    },
  };
}
