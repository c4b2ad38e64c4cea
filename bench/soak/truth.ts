/**
 * The facts in the world of the soak, which decide what Keyhold may answer. It knows when there were faults or changes.
 * It knows nothing about how Keyhold works except its promises: docs/reference/errors.md and docs/explain/caching.md.
 */
export interface TimeSpan {
  fromMs: number;
  toMs: number;
}

/** The kind of request, which decides which answers are correct. */
export type Asked =
  | { what: "token" | "assertion"; tenantId: string }
  /** Without a grant, or for a tenant that is unknown or permanently suspended. */
  | { what: "not granted" }
  | { what: "forged caller" };

export interface Answer {
  status: number;
  error?: string;
  /** Whether a token is for the requested tenant and application. */
  isAsAsked?: boolean;
  expiresInSeconds?: number;
}

/** Milliseconds. A failed mint is remembered for 5 s, and the request that met the fault may have begun earlier. */
const rememberedMs = 5_000;
/** For faults that only our own operators can fix, such as a clock that is still wrong after it was measured. */
const credentialRememberedMs = 60_000;
const slackMs = 2_000;

interface PolicyChange {
  isActive: boolean;
  writtenMs: number;
  appliedMs: number;
}

export interface Truth {
  beginFault(nowMs: number, isSkew: boolean): { end(nowMs: number): void };
  /** Records a policy as written but not yet in force. */
  changePolicy(tenantId: string, isActive: boolean, nowMs: number): { applied(nowMs: number): void };
  /** Undefined if the answer is correct. Otherwise a description of what is wrong. */
  judge(asked: Asked, answer: Answer, span: TimeSpan): string | undefined;
}

/** All times are those of the instance's clock. */
export function createTruth(): Truth {
  const faults: (TimeSpan & { isSkew: boolean })[] = [];
  const policy = new Map<string, PolicyChange[]>();
  /** Until when Keyhold must be able to answer for a tenant, whatever has failed. */
  const cachedUntil = new Map<string, number>();

  /**
   * The states that the policy may have for a request in this span: the one in force, and those that were written and
   * came into force.
   */
  function statesOf(tenantId: string, { fromMs, toMs }: TimeSpan): Set<boolean> {
    const states = new Set([true]);
    for (const { isActive, writtenMs, appliedMs } of policy.get(tenantId) ?? []) {
      if (writtenMs > toMs) break;
      if (appliedMs <= fromMs) states.clear();
      states.add(isActive);
    }
    return states;
  }

  function wasFault(span: TimeSpan, afterwardsMs: number, isMeant: (isSkew: boolean) => boolean): boolean {
    return faults.some(
      ({ fromMs, toMs, isSkew }) => isMeant(isSkew) && fromMs <= span.toMs && toMs + afterwardsMs >= span.fromMs,
    );
  }

  function judgeIssued(asked: Asked & { tenantId: string }, answer: Answer, span: TimeSpan): string | undefined {
    const states = statesOf(asked.tenantId, span);
    if (!states.has(true)) return "issued for a suspended tenant";
    if (!answer.isAsAsked) return "issued for another tenant, application or resource than asked for";
    if (!(Number(answer.expiresInSeconds) > 0)) return "issued although it has expired";
    if (asked.what === "token" && states.size === 1) {
      cachedUntil.set(asked.tenantId, span.fromMs + 1_000 * (Number(answer.expiresInSeconds) - 1));
    }
    return undefined;
  }

  function judgeUnavailable(asked: Asked & { tenantId: string }, answer: Answer, span: TimeSpan): string | undefined {
    const isMeant = answer.status === 502 ? (isSkew: boolean) => isSkew : () => true;
    const afterwardsMs = slackMs + (answer.status === 502 ? credentialRememberedMs : rememberedMs);
    if (!wasFault(span, afterwardsMs, isMeant)) return `${answer.status} while nothing was wrong`;
    const isCached = asked.what === "token" && (cachedUntil.get(asked.tenantId) ?? 0) > span.toMs;
    return isCached ? `${answer.status} although a valid token was cached` : undefined;
  }

  return {
    beginFault(nowMs, isSkew) {
      const fault = { fromMs: nowMs, toMs: Number.POSITIVE_INFINITY, isSkew };
      faults.push(fault);
      return {
        end(endMs) {
          fault.toMs = endMs;
        },
      };
    },
    changePolicy(tenantId, isActive, nowMs) {
      const change = { isActive, writtenMs: nowMs, appliedMs: Number.POSITIVE_INFINITY };
      policy.set(tenantId, [...(policy.get(tenantId) ?? []), change]);
      cachedUntil.delete(tenantId);
      return {
        applied(appliedMs) {
          change.appliedMs = appliedMs;
        },
      };
    },
    judge(asked, answer, span) {
      const { status, error } = answer;
      if (asked.what === "forged caller") {
        return status === 401 && error === "invalid_token" ? undefined : `${status} ${error} for a forged token`;
      }
      if (asked.what === "not granted") {
        return status === 403 && error === "access_denied" ? undefined : `${status} ${error} without a grant`;
      }
      if (status === 200) return judgeIssued(asked, answer, span);
      if (status === 503 || status === 502) return judgeUnavailable(asked, answer, span);
      if (status !== 403) return `${status} ${error}`;
      return statesOf(asked.tenantId, span).has(false) ? undefined : "refused although it is granted";
    },
  };
}
