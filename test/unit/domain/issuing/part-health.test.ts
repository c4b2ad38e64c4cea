/** A shared part that is down: one probe at a time, and an immediate answer for every other request. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPartHealth, retryAfterSecondsOf } from "../../../../src/domain/issuing/part-health.ts";
import type { NeededParts } from "../../../../src/domain/issuing/parts.ts";
import { Fault, type FaultCode } from "../../../../src/domain/shared/fault.ts";
import { contosoId, fabrikamId, homeTenantId } from "../../../support/fixtures/ids.ts";
import { contoso, fabrikam, fail, refusedTo } from "../../../support/fixtures/part-health.ts";
import { keyId } from "../../../support/fixtures/policy.ts";

/** When somebody who always waits is let through, while it fails each time. */
function probesOf(code: FaultCode, forMs: number): number[] {
  const parts = createPartHealth();
  const probes: number[] = [];
  for (let nowMs = 0; nowMs < forMs; nowMs += 100) {
    if (refusedTo(parts, contoso, nowMs)) continue;
    probes.push(nowMs);
    fail(parts, contoso, nowMs, code);
  }
  return probes;
}

describe("the health of shared parts", () => {
  test("a vault or ledger that is down is down for every tenant and key", () => {
    for (const code of ["signer_unavailable", "signer_throttled", "ledger_unavailable"] as const) {
      const parts = createPartHealth();
      assert.equal(fail(parts, contoso, 0, code), true);
      assert.equal(refusedTo(parts, fabrikam, 999)?.code, code);
      assert.equal(refusedTo(parts, fabrikam, 1_000), undefined);
    }
  });

  test("the refusal of one key does not affect another key", () => {
    for (const code of [
      "signer_forbidden",
      "signer_key_disabled",
      "signer_key_not_found",
      "signer_rejected",
    ] as const) {
      const parts = createPartHealth();
      assert.equal(fail(parts, contoso, 0, code), true);
      assert.equal(refusedTo(parts, fabrikam, 0), undefined);
      assert.equal(refusedTo(parts, { keyId, tenantId: fabrikamId }, 0)?.code, code);
    }
  });

  test("Entra's answers about a credential or a tenant are not stored here, and show that all parts are up", () => {
    for (const code of ["credential_rejected", "clock_skewed", "token_endpoint_rejected"] as const) {
      const parts = createPartHealth();
      fail(parts, contoso, 0, "signer_unavailable");
      assert.equal(fail(parts, contoso, 1_000, code), false);
      parts.enter(contoso, 1_000);
      assert.equal(refusedTo(parts, contoso, 1_000), undefined, "not only a probe");
    }
  });

  test("a fault that no part has answered with does not show that a part is up", () => {
    const parts = createPartHealth();
    fail(parts, contoso, 0, "signer_unavailable");
    assert.equal(fail(parts, contoso, 1_000, "certificate_not_valid"), false);
    parts.enter(contoso, 1_000);
    assert.equal(refusedTo(parts, fabrikam, 1_000)?.code, "signer_unavailable");
  });

  test("a bug is not a fault of a part, and does not show that a part is up", () => {
    for (const thrown of [new TypeError("a bug"), undefined]) {
      const parts = createPartHealth();
      fail(parts, contoso, 0, "signer_unavailable");
      assert.equal(parts.enter(contoso, 1_000).failed(thrown, 1_000), false);
      fail(parts, contoso, 1_000, "signer_unavailable");
      assert.equal(refusedTo(parts, contoso, 1_500)?.code, "signer_unavailable");
    }
  });

  test("a probe that ends late does not end a later one, whose part was up in between", () => {
    for (const end of ["abandoned", "failed"] as const) {
      const parts = createPartHealth();
      const before = parts.enter(contoso, 0);
      fail(parts, contoso, 0, "signer_unavailable");
      const late = parts.enter(contoso, 1_000);
      before.succeeded();
      fail(parts, contoso, 1_100, "signer_unavailable");
      const probe = parts.enter(contoso, 2_100);
      if (end === "abandoned") late.abandoned();
      else late.failed(new Fault("signer_unavailable"), 2_200);
      assert.ok(refusedTo(parts, contoso, 5_000), "the later probe is still in progress");
      probe.abandoned();
      assert.equal(refusedTo(parts, contoso, 5_000), undefined);
    }
  });

  test("one attempt is the probe, and no other attempt is allowed until it ends", () => {
    const parts = createPartHealth();
    fail(parts, contoso, 0, "signer_unavailable");
    const probe = parts.enter(fabrikam, 1_000);
    for (const nowMs of [1_000, 3_000, 60_000]) {
      assert.equal(refusedTo(parts, contoso, nowMs)?.code, "signer_unavailable");
    }
    probe.succeeded();
    assert.equal(refusedTo(parts, contoso, 60_000), undefined);
  });

  test("an abandoned probe allows another caller's probe at once", () => {
    const parts = createPartHealth();
    fail(parts, contoso, 0, "signer_unavailable");
    parts.enter(contoso, 1_000).abandoned();
    assert.equal(refusedTo(parts, fabrikam, 1_000), undefined);
  });

  test("an attempt that began before the outage allows no second probe when it fails", () => {
    const parts = createPartHealth();
    const early = parts.enter(contoso, 0);
    fail(parts, contoso, 0, "signer_unavailable");
    parts.enter(contoso, 1_000);
    early.failed(new Fault("signer_unavailable"), 1_500);
    assert.equal(refusedTo(parts, fabrikam, 60_000)?.code, "signer_unavailable");
  });

  test("a probe may end after another attempt has shown that the part is up", () => {
    const parts = createPartHealth();
    const early = parts.enter(contoso, 0);
    fail(parts, contoso, 0, "signer_unavailable");
    const probe = parts.enter(contoso, 1_000);
    early.succeeded();
    probe.abandoned();
    assert.equal(refusedTo(parts, fabrikam, 1_000), undefined);
  });

  test("an attempt shows that the parts before the one that failed are up, from the first on", () => {
    for (const [down, failed] of [
      ["ledger_unavailable", "signer_unavailable"],
      ["signer_unavailable", "signer_forbidden"],
      ["signer_forbidden", "token_endpoint_throttled"],
    ] as const) {
      const parts = createPartHealth();
      fail(parts, contoso, 0, down);
      fail(parts, contoso, 1_000, failed);
      parts.enter(contoso, 60_000);
      assert.equal(refusedTo(parts, contoso, 60_000)?.code, failed, "only that is probed");
    }
    const parts = createPartHealth();
    fail(parts, contoso, 0, "signer_unavailable");
    fail(parts, contoso, 1_000, "signer_forbidden");
    parts.enter(fabrikam, 1_000);
    assert.equal(refusedTo(parts, fabrikam, 1_000), undefined, "the vault is not probed any more");
  });

  test("probes are sent every second for 15 s and back off to one in 10 s, for a part that is down or refuses", () => {
    for (const code of ["ledger_unavailable", "signer_unavailable", "signer_forbidden", "signer_rejected"] as const) {
      const probes = probesOf(code, 600_000);
      const pauses = probes.slice(1).map((at, index) => at - (probes[index] ?? 0));
      assert.deepEqual(
        probes.slice(0, 16),
        Array.from({ length: 16 }, (_, second) => second * 1_000),
      );
      assert.deepEqual(
        pauses,
        [...pauses].sort((a, b) => a - b),
      );
      assert.deepEqual([Math.min(...pauses), Math.max(...pauses)], [1_000, 10_000]);
    }
  });

  test("a lasting fault costs 23 probes in its first minute, and six in each later minute", () => {
    const probes = probesOf("signer_forbidden", 600_000);
    const perMinute = Array.from({ length: 10 }, (_, minute) => {
      return probes.filter((ms) => Math.floor(ms / 60_000) === minute).length;
    });
    assert.deepEqual(perMinute, [23, 6, 6, 6, 6, 6, 6, 6, 6, 6]);
  });

  test("a clock that is set back during an outage delays no probe, and lengthens no announced time", () => {
    const hourMs = 3_600_000;
    for (const [detail, leftMs] of [
      [{}, 1_000],
      [{ retryAfterSeconds: 30 }, 30_000],
    ] as const) {
      const parts = createPartHealth();
      fail(parts, contoso, hourMs, "signer_throttled", detail);
      const told = refusedTo(parts, contoso, 0);
      assert.ok(told && retryAfterSecondsOf(told) === leftMs / 1_000);
      assert.ok(refusedTo(parts, contoso, leftMs - 1));
      assert.equal(refusedTo(parts, contoso, leftMs), undefined);
    }
  });

  test("a clock that is set back by a millisecond delays no probe either", () => {
    const parts = createPartHealth();
    fail(parts, contoso, 10_000, "signer_unavailable");
    assert.ok(refusedTo(parts, contoso, 9_999));
    assert.ok(refusedTo(parts, contoso, 10_998));
    assert.equal(refusedTo(parts, contoso, 10_999), undefined);
  });

  test("a clock that is set back during a long outage does not make its probes more frequent", () => {
    const parts = createPartHealth();
    const hourMs = 3_600_000;
    for (let nowMs = hourMs; nowMs <= hourMs + 60_000; nowMs += 10_000)
      fail(parts, contoso, nowMs, "ledger_unavailable");
    assert.ok(refusedTo(parts, contoso, 0));
    fail(parts, contoso, 10_000, "ledger_unavailable");
    assert.ok(refusedTo(parts, contoso, 19_999));
    assert.equal(refusedTo(parts, contoso, 20_000), undefined);
  });

  test("a clock that is set back during a probe does not leave the part without one", () => {
    const parts = createPartHealth();
    fail(parts, contoso, 3_600_000, "signer_unavailable");
    parts.enter(contoso, 3_601_000).failed(new Fault("signer_unavailable"), 0);
    assert.ok(refusedTo(parts, contoso, 999));
    assert.equal(refusedTo(parts, contoso, 1_000), undefined);
  });

  test("attempts that began before the outage was noticed do not delay the probe", () => {
    const parts = createPartHealth();
    const visits = [contoso, fabrikam].map((needed) => parts.enter(needed, 0));
    for (const [index, visit] of visits.entries()) visit.failed(new Fault("signer_unavailable"), index * 900);
    assert.equal(refusedTo(parts, contoso, 1_000), undefined);
  });

  test("a part that answers but does not sign is up, and the probes of the key itself begin", () => {
    const parts = createPartHealth();
    fail(parts, contoso, 0, "signer_unavailable");
    fail(parts, contoso, 1_000, "signer_forbidden");
    assert.equal(refusedTo(parts, fabrikam, 1_000), undefined);
    assert.equal(refusedTo(parts, contoso, 1_999)?.code, "signer_forbidden");
    assert.equal(refusedTo(parts, contoso, 2_000), undefined);
  });

  test("a probe waits for an announced time, and callers get the rest of it", () => {
    const parts = createPartHealth();
    fail(parts, contoso, 0, "signer_throttled", { retryAfterSeconds: 30 });
    for (const [nowMs, left] of [
      [0, 30],
      [10_000, 20],
      [28_999, 2],
      [29_999, 1],
    ] as const) {
      assert.equal(refusedTo(parts, fabrikam, nowMs)?.detail.retryAfterSeconds, left);
    }
    const probe = parts.enter(contoso, 30_000);
    const fault = refusedTo(parts, fabrikam, 30_000);
    assert.ok(fault && fault.detail.retryAfterSeconds === undefined && retryAfterSecondsOf(fault) === 1);
    probe.succeeded();
  });

  test("an announced time is not shortened by an attempt that fails later without one", () => {
    const parts = createPartHealth();
    const late = parts.enter(contoso, 0);
    fail(parts, contoso, 0, "signer_throttled", { retryAfterSeconds: 30 });
    late.failed(new Fault("signer_unavailable"), 1_000);
    assert.equal(refusedTo(parts, fabrikam, 10_000)?.detail.retryAfterSeconds, 20);
  });

  test("a part that announced no time is given none", () => {
    const parts = createPartHealth();
    fail(parts, contoso, 0, "signer_unavailable");
    assert.equal(refusedTo(parts, fabrikam, 0)?.detail.retryAfterSeconds, undefined);
  });

  test("an announced time is respected for an hour at most", () => {
    const parts = createPartHealth();
    fail(parts, contoso, 0, "signer_throttled", { retryAfterSeconds: 1e9 });
    assert.equal(refusedTo(parts, contoso, 3_599_999)?.code, "signer_throttled");
    assert.equal(refusedTo(parts, contoso, 3_600_000), undefined);
  });

  test("an identity that returns no token is down by itself", () => {
    const parts = createPartHealth();
    const identity: NeededParts = { identityClientId: homeTenantId, tenantId: contosoId };
    assert.equal(fail(parts, identity, 0, "identity_unavailable"), true);
    assert.equal(refusedTo(parts, identity, 999)?.code, "identity_unavailable");
    assert.equal(refusedTo(parts, contoso, 0), undefined);
  });
});

test("a caller waits 1 s, or a whole number of seconds that the other side announced, at most an hour", () => {
  const waits: [announced: number | undefined, seconds: number][] = [
    [undefined, 1],
    [0, 1],
    [0.4, 1],
    [1.5, 2],
    [30, 30],
    [86_400, 3_600],
    [Number.POSITIVE_INFINITY, 3_600],
  ];
  for (const [retryAfterSeconds, seconds] of waits) {
    const detail = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
    assert.equal(retryAfterSecondsOf(new Fault("signer_throttled", detail)), seconds);
  }
});
