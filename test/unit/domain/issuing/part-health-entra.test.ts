/** Entra as a shared part: down as a whole, or for one tenant. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPartHealth, type PartHealth } from "../../../../src/domain/issuing/part-health.ts";
import type { NeededParts } from "../../../../src/domain/issuing/parts.ts";
import { guid, homeTenantId, suspendedTenantId } from "../../../support/fixtures/ids.ts";
import { contoso, fabrikam, fail, refusedTo } from "../../../support/fixtures/part-health.ts";
import { keyId } from "../../../support/fixtures/policy.ts";

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

  test("with 5xx for more than two tenants is probed less and less often, whichever tenant asks", () => {
    const parts = createPartHealth();
    for (const [index, needed] of [contoso, fabrikam].entries()) serverError(parts, needed, index);
    let probes = 0;
    for (let nowMs = 0; nowMs < 120_000; nowMs += 100) {
      const another: NeededParts = { keyId, tenantId: guid(`20000000-bbbb-4000-8000-${1000 + probes}00000000`) };
      if (refusedTo(parts, another, nowMs)) continue;
      probes += 1;
      serverError(parts, another, nowMs);
    }
    assert.ok(probes > 10 && probes < 40, `${probes} probes in two minutes`);
  });

  test("without a connection is probed less and less often, and so is a tenant with 5xx", () => {
    for (const detail of [{ because: "TypeError ECONNREFUSED" }, { codes: [] }]) {
      const parts = createPartHealth();
      let probes = 0;
      for (let nowMs = 0; nowMs < 120_000; nowMs += 100) {
        if (refusedTo(parts, contoso, nowMs)) continue;
        probes += 1;
        fail(parts, contoso, nowMs, "token_endpoint_unavailable", detail);
      }
      assert.ok(probes > 10 && probes < 40, `${probes} probes in two minutes`);
    }
  });

  test("with 5xx for the tenant of a probe is still down as a whole, however late", () => {
    const parts = createPartHealth();
    serverError(parts, contoso, 0);
    serverError(parts, fabrikam, 100);
    serverError(parts, third, 60_000);
    assert.ok(refusedTo(parts, { keyId, tenantId: suspendedTenantId }, 60_000));
  });

  test("that throttles two tenants is asked for others", () => {
    const parts = createPartHealth();
    for (const needed of [contoso, fabrikam]) fail(parts, needed, 0, "token_endpoint_throttled", { codes: [90055] });
    assert.equal(refusedTo(parts, third, 0), undefined);
  });

  test("without a connection, and then with 5xx for one tenant, is down for that tenant only", () => {
    const parts = createPartHealth();
    fail(parts, contoso, 0, "token_endpoint_unavailable");
    parts.enter(third, 1_000).succeeded();
    serverError(parts, contoso, 1_500);
    assert.equal(refusedTo(parts, fabrikam, 1_500), undefined);
  });

  test("with 5xx for two tenants is probed by them a second later than by others", () => {
    const parts = createPartHealth();
    serverError(parts, contoso, 0);
    serverError(parts, fabrikam, 100);
    assert.ok(refusedTo(parts, third, 1_099));
    assert.equal(refusedTo(parts, third, 1_100), undefined);
    assert.ok(refusedTo(parts, contoso, 2_099));
    assert.equal(refusedTo(parts, contoso, 2_100), undefined);
  });

  test("is up again as a whole when one tenant gets a token", () => {
    const parts = createPartHealth();
    serverError(parts, contoso, 0);
    serverError(parts, fabrikam, 100);
    parts.enter(third, 1_100).succeeded();
    assert.equal(refusedTo(parts, third, 1_100), undefined);
  });
});
