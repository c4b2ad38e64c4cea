import { Fault } from "../shared/fault.ts";
import type { AccessPolicy } from "./access-policy.ts";
import type { PolicyEvent } from "./events.ts";
import { createLastValid } from "./last-valid.ts";
import type { PolicySource, SuspensionsSource } from "./ports.ts";
import { withSuspensions } from "./suspensions.ts";

/** The policy in force with its suspensions, re-read while requests come. */
export interface CurrentPolicy {
  /**
   * Throws `policy_unavailable` where there is none, or where within the last hour the policy or the suspensions were
   * not read, or were not valid.
   */
  at(nowMs: number): Promise<AccessPolicy>;
  /** First read. A policy that is not valid or cannot be read is an event, and is read again on later requests. */
  load(nowMs: number): Promise<void>;
  /** Problems of the last reading of both documents; 0 where they were accepted. For the readiness probe. */
  rejectedProblems(): number;
  /** Milliseconds since both were last known to be valid; undefined before that. For the readiness probe. */
  ageMs(nowMs: number): number | undefined;
}

/** A suspension must be refused everywhere within 60 s: from 30 s on it is re-read, from 50 s on a request waits. */
const freshMs = 30_000;
const waitMs = 50_000;
const retryMs = 5_000;
/** Without a valid reading for so long, a suspension may have been missed for too long: nothing is issued any more. */
const maxPolicyAgeMs = 3_600_000;

/**
 * Read on request rather than by a timer: an idle instance costs nothing, and one that was frozen cannot answer from
 * an older policy. The suspensions are read beside the policy, and neither depends on the other: a suspension is in
 * force while the policy is broken or cannot be read.
 */
export function createCurrentPolicy(
  sources: { policy: PolicySource; suspensions: SuspensionsSource },
  record: (event: PolicyEvent) => void,
  onApplied: (policy: AccessPolicy) => void,
): CurrentPolicy {
  let inForce: AccessPolicy | undefined;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let isDown = false;
  let reading: Promise<void> | undefined;
  let suspendedAny = false;

  const policy = createLastValid("policy", sources.policy, record, ({ grants, withheld }, etag) => {
    record({ event: "policy_applied", etag, grants: grants.size, withheld: withheld.length });
    apply();
  });
  const suspensions = createLastValid(
    "suspensions",
    sources.suspensions,
    record,
    ({ tenant, caller, client }, etag) => {
      const counts = { tenants: tenant.size, callers: caller.size, clients: client.size };
      const suspendsAny = [tenant, caller, client].some(({ size }) => size > 0);
      // At the start it is normal that there are none; later, the withdrawal of the last one is reported.
      if (suspendsAny || suspendedAny) record({ event: "suspensions_applied", etag, ...counts });
      suspendedAny = suspendsAny;
      apply();
    },
  );
  const documents = [policy, suspensions];

  function apply(): void {
    const [base, suspended] = [policy.value(), suspensions.value()];
    if (!base || !suspended) return;
    inForce = withSuspensions(base, suspended);
    onApplied(inForce);
  }

  /**
   * Milliseconds since the older of the documents' times; infinite where one is unknown. After the clock was set back a
   * read counts as old, since its age is unknown.
   */
  const since = (nowMs: number, timeOf: (document: (typeof documents)[number]) => number | undefined) =>
    Math.max(...documents.map((each) => Math.abs(nowMs - (timeOf(each) ?? Number.NEGATIVE_INFINITY))));
  const answerAgeMs = (nowMs: number) => since(nowMs, (each) => each.answeredAtMs());
  const validAgeMs = (nowMs: number) => since(nowMs, (each) => each.validAtMs());

  async function read(nowMs: number): Promise<void> {
    triedAtMs = nowMs;
    await Promise.all(documents.map((each) => each.read(nowMs)));
    isDown = documents.some((each) => each.answeredAtMs() !== nowMs);
  }

  function readOnce(nowMs: number): Promise<void> {
    reading ??= read(nowMs).finally(() => {
      reading = undefined;
    });
    return reading;
  }

  return {
    load: readOnce,
    rejectedProblems: () => policy.problems() + suspensions.problems(),
    ageMs: (nowMs) => (Number.isFinite(validAgeMs(nowMs)) ? validAgeMs(nowMs) : undefined),
    async at(nowMs) {
      // Nearly always: both were found unchanged within the last seconds.
      if (inForce && answerAgeMs(nowMs) < freshMs && validAgeMs(nowMs) < maxPolicyAgeMs) return inForce;
      const isUsable = () => inForce !== undefined && validAgeMs(nowMs) < maxPolicyAgeMs;
      const ageMs = answerAgeMs(nowMs);
      // Without a policy in force, read on every request, so that a fixed policy takes effect at once.
      const mustWait = !isUsable() || ageMs >= waitMs;
      const isDue = (!isUsable() || ageMs >= freshMs) && Math.abs(nowMs - triedAtMs) >= retryMs;
      // While storage is known to be down, waiting for it would gain nothing: it is read again in the background.
      const isKnownDown = inForce !== undefined && isDown && (reading !== undefined || nowMs - triedAtMs < 2 * retryMs);
      if (isDue || (reading && mustWait)) {
        const done = readOnce(nowMs);
        if (mustWait && !isKnownDown) await done;
      }
      if (!inForce || !isUsable()) throw new Fault("policy_unavailable");
      return inForce;
    },
  };
}
