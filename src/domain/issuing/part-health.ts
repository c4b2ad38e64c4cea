import { Fault } from "../shared/fault.ts";
import { createEntraOutage } from "./entra-outage.ts";
import { type NeededParts, namesOf, partOf, saysThatAllAreUp } from "./parts.ts";

/**
 * Remembers which shared part is down, so that an outage is detected once and not for each token, and no request waits
 * for a part that is down. One mint at a time is the probe; all others fail at once. Each probe may leave an open
 * intent in the ledger (T13, invariant I9), so probes back off.
 */
export interface PartHealth {
  /**
   * Starts an attempt that needs these parts. If some are down and a probe is due, the attempt is their probe.
   * @throws Fault the part's last fault, with its `Retry-After`
   */
  enter(parts: NeededParts, nowMs: number): Visit;
}

/** An attempt in progress. Exactly one of its functions must be called, once. */
export interface Visit {
  /** Every part has answered. */
  succeeded(): void;
  /** Returns whether a part caused the error. If so, that part is marked as down. */
  failed(error: unknown, nowMs: number): boolean;
  /** No request was sent to any part. */
  abandoned(): void;
}

interface Outage {
  sinceMs: number;
  fault: Fault;
  nextProbeMs: number;
  /** End of the part's `Retry-After`; 0 if it sent none. */
  announcedUntilMs: number;
  /** The attempt that is the probe of this outage, while it is in progress. */
  probe: object | undefined;
}

const shortestPauseMs = 1_000;
const longestPauseMs = 10_000;
/**
 * Milliseconds. For this time a probe is sent every second, afterwards at intervals of a fifth of the time that the
 * part has been down.
 */
const eagerForMs = 15_000;
const backOff = 5;
/** Longest `Retry-After` that is honoured, seconds. */
const longestAnnouncedSeconds = 3_600;

/** How long a caller should wait after this fault, seconds: 1, unless `Retry-After` asks for more. */
export function retryAfterSecondsOf(fault: Fault): number {
  return Math.min(Math.max(Math.ceil(fault.detail.retryAfterSeconds ?? 1), 1), longestAnnouncedSeconds);
}

function pauseMsOf(downMs: number): number {
  return downMs < eagerForMs ? shortestPauseMs : Math.min(downMs / backOff, longestPauseMs);
}

/** Every part counts as up until it fails. Entries are bounded by the number of keys and tenants in the policy. */
export function createPartHealth(): PartHealth {
  const outages = new Map<string, Outage>();
  const entra = createEntraOutage();
  let lastMs = Number.NEGATIVE_INFINITY;

  /** Shifts the remembered times if the clock was set back, so that no pause gets longer. */
  function followClock(nowMs: number): void {
    const backMs = lastMs - nowMs;
    lastMs = nowMs;
    if (backMs <= 0) return;
    for (const outage of outages.values()) {
      outage.sinceMs -= backMs;
      outage.nextProbeMs -= backMs;
      outage.announcedUntilMs -= backMs;
    }
  }

  function markDown(name: string, fault: Fault, isProbe: boolean, nowMs: number): void {
    const known = outages.get(name);
    const isUnproven = name === "entra" && fault.detail.codes !== undefined && !entra.isConfirmed();
    const sinceMs = isUnproven ? nowMs : (known?.sinceMs ?? nowMs);
    const { retryAfterSeconds } = fault.detail;
    const announcedUntilMs = retryAfterSeconds === undefined ? 0 : nowMs + 1000 * retryAfterSecondsOf(fault);
    const pauseMs = pauseMsOf(nowMs - sinceMs);
    // An attempt that started before the outage was detected does not postpone the probe.
    const nextProbeMs = known && !isProbe ? known.nextProbeMs : nowMs + pauseMs;
    outages.set(name, {
      sinceMs,
      fault,
      announcedUntilMs: Math.max(announcedUntilMs, known?.announcedUntilMs ?? 0),
      nextProbeMs: Math.max(nextProbeMs, announcedUntilMs),
      probe: known?.probe,
    });
  }

  /** Whether the failure of one tenant shows that Entra as a whole is down. */
  function isEntraDown(name: string, fault: Fault, nowMs: number): boolean {
    if (fault.code !== "token_endpoint_unavailable" || !name.startsWith("entra ")) return false;
    return entra.failedFor(name, outages.has("entra"), nowMs);
  }

  return {
    enter(parts, nowMs) {
      followClock(nowMs);
      const names = namesOf(parts);
      for (const name of names) {
        const outage = outages.get(name);
        if (!outage) continue;
        const isLast = name === "entra" && names.some(entra.isSuspect);
        const dueMs = outage.nextProbeMs + (isLast ? shortestPauseMs : 0);
        if (outage.probe || nowMs < dueMs) throw remembered(outage, nowMs);
      }
      const own = {};
      const outagesOf = () => names.flatMap((name) => outages.get(name) ?? []);
      for (const outage of outagesOf()) outage.probe = own;
      // An outage that began meanwhile has a probe of its own.
      const release = () => {
        for (const outage of outagesOf()) if (outage.probe === own) outage.probe = undefined;
      };
      return {
        succeeded: () => markUp(names),
        failed(error, failedMs) {
          followClock(failedMs);
          const probed = new Set(names.filter((name) => outages.get(name)?.probe === own));
          release();
          if (!(error instanceof Fault)) return false;
          const name = partOf(error, names);
          if (name === undefined) {
            if (saysThatAllAreUp(error)) markUp(names);
            return false;
          }
          const first = isEntraDown(name, error, failedMs) ? "entra" : name;
          markUp(names.slice(0, names.indexOf(first)));
          for (const each of new Set([first, name])) markDown(each, error, probed.has(each), failedMs);
          return true;
        },
        abandoned: release,
      };
    },
  };

  function markUp(names: readonly string[]): void {
    for (const name of names) outages.delete(name);
    const tenant = names.find((name) => name.startsWith("entra "));
    if (tenant !== undefined) entra.answered(tenant, lastMs);
  }
}

function remembered({ fault, announcedUntilMs }: Outage, nowMs: number): Fault {
  const { retryAfterSeconds: _passed, ...detail } = fault.detail;
  if (announcedUntilMs <= nowMs) return new Fault(fault.code, detail);
  return new Fault(fault.code, { ...detail, retryAfterSeconds: Math.ceil((announcedUntilMs - nowMs) / 1000) });
}
