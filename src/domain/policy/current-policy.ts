import { Fault } from "../shared/fault.ts";
import type { AccessPolicy } from "./access-policy.ts";
import type { PolicyEvent } from "./events.ts";
import { createLastValid } from "./last-valid.ts";
import type { PolicySource, SuspensionsSource } from "./ports.ts";
import { withSuspensions } from "./suspensions.ts";

/** The policy in force with its suspensions. It is read again when requests come in. */
export interface CurrentPolicy {
  /**
   * Throws `policy_unavailable` if there is no policy, or if for an hour the policy or the suspensions could not be
   * read or were not valid.
   */
  at(nowMs: number): Promise<AccessPolicy>;
  /** First read. An invalid or unreadable policy is reported as an event, and later requests read it again. */
  load(nowMs: number): Promise<void>;
  /** Number of problems in both documents at the last read; 0 if both were accepted. For the readiness probe. */
  rejectedProblems(): number;
  /** Milliseconds since both documents were last known to be valid; undefined before that. For the readiness probe. */
  ageMs(nowMs: number): number | undefined;
}

/**
 * Milliseconds. A suspension must take effect everywhere within 60 s. After 30 s the documents are read again in the
 * background; after 50 s a request waits for that.
 */
const freshMs = 30_000;
const waitMs = 50_000;
const retryMs = 5_000;
/**
 * Milliseconds. If the last valid read is older than this, a suspension may have been missed for too long, and nothing
 * is issued.
 */
const maxPolicyAgeMs = 3_600_000;

/**
 * Reads on request, not by a timer: an idle instance costs nothing, and an instance that was frozen cannot use an
 * outdated policy. Policy and suspensions are read independently, so a suspension takes effect even if the policy is
 * broken or cannot be read.
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
      // Having none at the start is normal and not reported. Later, removing the last one is reported.
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
   * Milliseconds since the older of the two documents' times; infinite if one is unknown. After the clock was set back
   * a read counts as old, because its age is unknown.
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
      // The usual case: both were read recently.
      if (inForce && answerAgeMs(nowMs) < freshMs && validAgeMs(nowMs) < maxPolicyAgeMs) return inForce;
      const isUsable = () => inForce !== undefined && validAgeMs(nowMs) < maxPolicyAgeMs;
      const ageMs = answerAgeMs(nowMs);
      // Without a usable policy every request waits for a read, so that a fixed policy takes effect at once.
      const mustWait = !isUsable() || ageMs >= waitMs;
      const isDue = (!isUsable() || ageMs >= freshMs) && Math.abs(nowMs - triedAtMs) >= retryMs;
      // While storage is known to be down, no request waits for it; it is read again in the background.
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
