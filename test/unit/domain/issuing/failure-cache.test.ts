import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFailureCache } from "../../../../src/domain/issuing/failure-cache.ts";
import type { TenantRefusal } from "../../../../src/domain/issuing/refusal.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { startMs } from "../../../support/fakes/clock.ts";

const refusal: TenantRefusal = { reason: "tenant_blocked", codes: [53003] };

function faultAt(cache: ReturnType<typeof createFailureCache>, key: string, nowMs: number): Fault | undefined {
  try {
    assert.equal(cache.get(key, nowMs), undefined);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Fault);
    return error;
  }
}

describe("the failure cache", () => {
  test("remembers a refusal for five minutes", () => {
    const cache = createFailureCache(10);
    cache.rememberRefusal("key", refusal, startMs);
    assert.deepEqual(cache.get("key", startMs + 299_999), { ok: false, refusal });
    assert.equal(cache.get("key", startMs + 300_000), undefined);
    assert.equal(cache.get("other", startMs), undefined);
  });

  test("remembers a missing consent for only 30 s, because a user may be waiting for it", () => {
    const cache = createFailureCache(10);
    const missing: TenantRefusal = { reason: "tenant_not_consented", codes: [7000229], adminConsentUrl: "https://x" };
    cache.rememberRefusal("key", missing, startMs);
    assert.deepEqual(cache.get("key", startMs + 29_999), { ok: false, refusal: missing });
    assert.equal(cache.get("key", startMs + 30_000), undefined);
  });

  for (const code of ["credential_rejected", "signature_not_ours", "token_endpoint_rejected"] as const) {
    test(`remembers ${code} for 60 s, with its numbers`, () => {
      const cache = createFailureCache(10);
      cache.rememberFault("key", new Fault(code, { codes: [700027] }), startMs);
      const fault = faultAt(cache, "key", startMs + 59_999);
      assert.deepEqual([fault?.code, fault?.detail], [code, { codes: [700027] }]);
      assert.equal(faultAt(cache, "key", startMs + 60_000), undefined);
    });
  }

  test("does not remember a failure longer because the clock is set back", () => {
    const cache = createFailureCache(10);
    cache.rememberRefusal("a", refusal, startMs);
    cache.rememberFault("b", new Fault("credential_rejected"), startMs);
    assert.equal(cache.get("a", startMs - 1), undefined);
    assert.equal(cache.get("b", startMs - 3_600_000), undefined);
  });

  test("does not remember a failure again, once it is over, because the clock is changed", () => {
    const cache = createFailureCache(10);
    cache.rememberRefusal("ended", refusal, startMs);
    cache.rememberRefusal("of a clock that was ahead", refusal, startMs + 1);
    assert.equal(cache.get("ended", startMs + 300_000), undefined);
    assert.equal(cache.get("ended", startMs + 299_999), undefined);
    assert.equal(cache.get("of a clock that was ahead", startMs), undefined);
    assert.equal(cache.get("of a clock that was ahead", startMs + 1), undefined);
  });

  test("forgets everything when it is cleared", () => {
    const cache = createFailureCache(10);
    cache.rememberRefusal("a", refusal, startMs);
    cache.rememberFault("b", new Fault("credential_rejected"), startMs);
    cache.clear();
    assert.equal(cache.get("a", startMs), undefined);
    assert.equal(cache.get("b", startMs), undefined);
  });

  test("is bounded: many failing keys evict the oldest", () => {
    const cache = createFailureCache(2);
    for (const key of ["a", "b", "c"]) cache.rememberRefusal(key, refusal, startMs);
    assert.equal(cache.get("a", startMs), undefined);
    assert.ok(cache.get("b", startMs) && cache.get("c", startMs));
  });
});
