import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFailureCache, retryAfterSecondsOf } from "../../../../src/domain/issuing/failure-cache.ts";
import type { TenantRefusal } from "../../../../src/domain/issuing/refusal.ts";
import { Fault, type FaultCode } from "../../../../src/domain/shared/fault.ts";
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

  test("remembers a missing consent for 30 s only: it is given while somebody waits for it", () => {
    const cache = createFailureCache(10);
    const missing: TenantRefusal = { reason: "tenant_not_consented", codes: [7000229], adminConsentUrl: "https://x" };
    cache.rememberRefusal("key", missing, startMs);
    assert.deepEqual(cache.get("key", startMs + 29_999), { ok: false, refusal: missing });
    assert.equal(cache.get("key", startMs + 30_000), undefined);
  });

  const seconds: [code: FaultCode, retryAfterSeconds: number | undefined, expected: number][] = [
    ["signer_unavailable", undefined, 5],
    ["token_endpoint_throttled", 30, 30],
    ["token_endpoint_throttled", 3600, 60],
    ["ledger_unavailable", undefined, 5],
    ["credential_rejected", undefined, 60],
    ["signature_not_ours", undefined, 60],
    ["signer_forbidden", undefined, 60],
  ];
  for (const [code, asked, expected] of seconds) {
    test(`remembers ${code} for ${expected} s where the other side asks for ${asked ?? "nothing"}`, () => {
      const cache = createFailureCache(10);
      const fault = new Fault(code, asked === undefined ? {} : { retryAfterSeconds: asked });
      assert.equal(retryAfterSecondsOf(fault), expected);
      cache.rememberFault("key", fault, startMs);
      assert.equal(faultAt(cache, "key", startMs + expected * 1000 - 1)?.code, code);
      assert.equal(faultAt(cache, "key", startMs + expected * 1000), undefined);
    });
  }

  test("a remembered fault keeps its numbers and counts its Retry-After down in whole seconds", () => {
    const cache = createFailureCache(10);
    cache.rememberFault("key", new Fault("credential_rejected", { codes: [700027] }), startMs);
    const fault = faultAt(cache, "key", startMs + 20_500);
    assert.deepEqual(fault?.detail, { codes: [700027], retryAfterSeconds: 40 });
  });

  test("never remembers a fault of our credential longer than minutes, whatever the other side asks", () => {
    const cache = createFailureCache(10);
    for (const retryAfterSeconds of [86_400, Number.POSITIVE_INFINITY]) {
      cache.rememberFault("key", new Fault("signer_forbidden", { retryAfterSeconds }), startMs);
      assert.equal(faultAt(cache, "key", startMs + 600_000), undefined);
    }
  });

  test("forgets everything when it is cleared", () => {
    const cache = createFailureCache(10);
    cache.rememberRefusal("a", refusal, startMs);
    cache.rememberFault("b", new Fault("credential_rejected"), startMs);
    cache.clear();
    assert.equal(cache.get("a", startMs), undefined);
    assert.equal(cache.get("b", startMs), undefined);
  });

  test("is bounded: many failing keys push out the oldest", () => {
    const cache = createFailureCache(2);
    for (const key of ["a", "b", "c"]) cache.rememberRefusal(key, refusal, startMs);
    assert.equal(cache.get("a", startMs), undefined);
    assert.ok(cache.get("b", startMs) && cache.get("c", startMs));
  });
});
