/** A shared part that is down: one probe at a time, and an immediate answer for every other request. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPartHealth, type PartHealth, retryAfterSecondsOf } from "../../../../src/domain/issuing/part-health.ts";
import type { NeededParts } from "../../../../src/domain/issuing/parts.ts";
import { Fault, type FaultCode, type FaultDetail } from "../../../../src/domain/shared/fault.ts";
import { contosoId, fabrikamId, homeTenantId } from "../../../support/fixtures/ids.ts";
import { keyId } from "../../../support/fixtures/policy.ts";

const otherKeyId = `${keyId.slice(0, -1)}0`;
const contoso: NeededParts = { keyId, tenantId: contosoId };
const fabrikam: NeededParts = { keyId: otherKeyId, tenantId: fabrikamId };

/** The remembered fault, where the attempt is not let through. */
function refusedTo(parts: PartHealth, needed: NeededParts, nowMs: number): Fault | undefined {
  try {
    parts.enter(needed, nowMs).abandoned();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Fault);
    return error;
  }
}

function fail(parts: PartHealth, needed: NeededParts, nowMs: number, code: FaultCode, detail: FaultDetail = {}) {
  return parts.enter(needed, nowMs).failed(new Fault(code, detail), nowMs);
}

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
      assert.equal(refusedTo(parts, contoso, 1_000), undefined);
    }
  });

  test("a bug is not a fault of a part, and does not show that a part is up", () => {
    const parts = createPartHealth();
    fail(parts, contoso, 0, "signer_unavailable");
    assert.equal(parts.enter(contoso, 1_000).failed(new TypeError("a bug"), 1_000), false);
    fail(parts, contoso, 1_000, "signer_unavailable");
    assert.equal(refusedTo(parts, contoso, 1_500)?.code, "signer_unavailable");
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

describe("Entra", () => {
  const serverError = (parts: PartHealth, needed: NeededParts, nowMs: number) =>
    fail(parts, needed, nowMs, "token_endpoint_unavailable", { codes: [] });
  const third: NeededParts = { keyId, tenantId: homeTenantId };

  test("without a connection is down for every tenant", () => {
    const parts = createPartHealth();
    fail(parts, contoso, 0, "token_endpoint_unavailable", { because: "TypeError ECONNREFUSED" });
    assert.equal(refusedTo(parts, fabrikam, 999)?.code, "token_endpoint_unavailable");
  });

  test("with 5xx for one tenant is down for that tenant, and for two within 5 s as a whole", () => {
    for (const [secondMs, isWhole] of [
      [5_000, true],
      [5_001, false],
    ] as const) {
      const parts = createPartHealth();
      serverError(parts, contoso, 0);
      assert.equal(refusedTo(parts, fabrikam, 0), undefined);
      serverError(parts, fabrikam, secondMs);
      assert.equal(refusedTo(parts, third, secondMs) !== undefined, isWhole);
    }
  });

  test("with 5xx twice for the same tenant is down for that tenant only", () => {
    const parts = createPartHealth();
    serverError(parts, contoso, 0);
    serverError(parts, contoso, 1_000);
    assert.ok(refusedTo(parts, contoso, 1_500));
    assert.equal(refusedTo(parts, fabrikam, 1_500), undefined);
  });

  test("that throttles one tenant is not asked for that tenant, but for others", () => {
    const parts = createPartHealth();
    fail(parts, contoso, 0, "token_endpoint_throttled", { codes: [90055], retryAfterSeconds: 30 });
    assert.equal(refusedTo(parts, contoso, 29_000)?.detail.retryAfterSeconds, 1);
    assert.equal(refusedTo(parts, fabrikam, 0), undefined);
  });

  test("with 5xx for two tenants of one owner is probed each second, by another tenant first", () => {
    const parts = createPartHealth();
    serverError(parts, contoso, 0);
    serverError(parts, fabrikam, 100);
    let refusedForMs = 0;
    let probes = 0;
    for (let nowMs = 200; nowMs < 60_000; nowMs += 100) {
      if (!refusedTo(parts, contoso, nowMs)) {
        assert.equal(refusedTo(parts, third, nowMs), undefined, "those who made the outage go last");
        serverError(parts, contoso, nowMs);
        probes += 1;
      }
      refusedForMs = refusedTo(parts, third, nowMs) ? refusedForMs + 100 : 0;
      assert.ok(refusedForMs <= 1_000, `${refusedForMs} ms`);
    }
    assert.ok(probes > 5);
  });

  test("with 5xx for two tenants repeatedly delays the others once in ten minutes", () => {
    const parts = createPartHealth();
    let heldUp = 0;
    for (let nowMs = 0; nowMs < 600_000; nowMs += 100) {
      for (const owned of [contoso, fabrikam]) {
        // Their owner lets every second request succeed, so that each failure is a new one.
        if (refusedTo(parts, owned, nowMs)) continue;
        if (nowMs % 200 === 0) serverError(parts, owned, nowMs);
        else parts.enter(owned, nowMs).succeeded();
      }
      if (refusedTo(parts, third, nowMs)) heldUp += 100;
      else parts.enter(third, nowMs).succeeded();
    }
    assert.ok(heldUp > 0 && heldUp <= 1_000, `${heldUp} ms`);
  });

  test("with 5xx for more than two tenants is probed less and less often", () => {
    const parts = createPartHealth();
    for (const [index, needed] of [contoso, fabrikam].entries()) serverError(parts, needed, index);
    let probes = 0;
    for (let nowMs = 0; nowMs < 120_000; nowMs += 100) {
      if (refusedTo(parts, third, nowMs)) continue;
      probes += 1;
      serverError(parts, third, nowMs);
    }
    assert.ok(probes < 40, `${probes} probes in two minutes`);
  });

  test("is up again as a whole when one tenant gets a token", () => {
    const parts = createPartHealth();
    serverError(parts, contoso, 0);
    serverError(parts, fabrikam, 100);
    parts.enter(third, 1_100).succeeded();
    assert.equal(refusedTo(parts, third, 1_100), undefined);
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
