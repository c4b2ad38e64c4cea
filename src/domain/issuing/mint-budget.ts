import { LRUCache } from "lru-cache";
import type { Guid } from "../shared/guid.ts";
import { lazily } from "../shared/lazily.ts";
import { ok, type Result, refuse } from "../shared/result.ts";
import type { BudgetRefusal } from "./refusal.ts";

/**
 * Limits the signatures per minute, for one caller and for all together (T13, invariant I9). It applies to one
 * instance: with n instances the vault may see n times as many, which the sign-rate baseline monitors.
 */
export interface MintBudget {
  /**
   * Takes one signature from the budget, or returns how long to wait. Synchronous, so concurrent requests cannot
   * overdraw.
   */
  take(callerObjectId: Guid, nowMs: number): Result<undefined, BudgetRefusal>;
}

export interface MintLimits {
  perMinute: number;
  perMinutePerCaller: number;
}

/** A token bucket: starts full, refills evenly. */
interface Bucket {
  tokens: number;
  updatedMs: number;
}

const minuteMs = 60_000;
/** Only callers of the policy get here, so this only bounds the entries of callers that were removed from it. */
const maxCallers = 10_000;

/** A budget whose buckets start full. Limits are mints per minute. */
export function createMintBudget(limits: MintLimits): MintBudget {
  const total: Bucket = { tokens: limits.perMinute, updatedMs: Number.NEGATIVE_INFINITY };
  const callers = lazily(() => new LRUCache<Guid, Bucket>({ max: maxCallers }));
  return {
    take(callerObjectId, nowMs) {
      const caller = callers().get(callerObjectId) ?? { tokens: limits.perMinutePerCaller, updatedMs: nowMs };
      callers().set(callerObjectId, caller);
      refill(caller, limits.perMinutePerCaller, nowMs);
      refill(total, limits.perMinute, nowMs);
      const exceeded = (budget: "caller" | "total", bucket: Bucket, perMinute: number) =>
        refuse({
          reason: "mint_budget_exceeded" as const,
          callerObjectId,
          budget,
          retryAfterSeconds: secondsUntilOne(bucket, perMinute),
        });
      if (caller.tokens < 1) return exceeded("caller", caller, limits.perMinutePerCaller);
      if (total.tokens < 1) return exceeded("total", total, limits.perMinute);
      caller.tokens -= 1;
      total.tokens -= 1;
      return ok(undefined);
    },
  };
}

function refill(bucket: Bucket, perMinute: number, nowMs: number): void {
  const elapsedMs = Math.max(0, nowMs - bucket.updatedMs);
  bucket.tokens = Math.min(perMinute, bucket.tokens + (elapsedMs * perMinute) / minuteMs);
  // A clock that jumps back and forth must not refill the bucket twice.
  bucket.updatedMs = Math.max(bucket.updatedMs, nowMs);
}

/** Seconds until an empty bucket has one token again; at least 1. */
function secondsUntilOne(bucket: Bucket, perMinute: number): number {
  const waitMs = ((1 - bucket.tokens) * minuteMs) / perMinute;
  return Math.ceil(waitMs / 1000);
}
