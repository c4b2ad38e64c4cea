/** The rules by which a token is new enough, one by one. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  acceptsOlder,
  isFromTheFuture,
  isNewEnough,
  isWanted,
  mintKeyOf,
  satisfies,
} from "../../../../src/domain/issuing/freshness.ts";
import type { Guid } from "../../../../src/domain/shared/guid.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { compiled, named, validPolicy } from "../../../support/fixtures/policy.ts";

const claims = { claims: "{}" };

test("a demand accepts a token minted within the last minute, and without a demand any token is accepted", () => {
  for (const demand of ["no-cache", claims] as const) {
    assert.equal(satisfies({ mintedAtMs: startMs }, demand, startMs + 59_999), true);
    assert.equal(satisfies({ mintedAtMs: startMs }, demand, startMs + 60_000), false);
  }
  assert.equal(satisfies({ mintedAtMs: 0 }, undefined, startMs), true);
});

test("only a request with claims refuses an older token, and only its mint has its own key", () => {
  assert.deepEqual([undefined, "no-cache" as const, claims].map(acceptsOlder), [true, true, false]);
  assert.equal(mintKeyOf("key", undefined), "key");
  assert.equal(mintKeyOf("key", "no-cache"), "key");
  assert.notEqual(mintKeyOf("key", claims), "key");
});

test("a token is from the future if it was minted more than a minute from now", () => {
  assert.equal(isFromTheFuture({ mintedAtMs: startMs + 60_000 }, startMs), false);
  assert.equal(isFromTheFuture({ mintedAtMs: startMs + 60_001 }, startMs), true);
});

test("a token is new enough from exactly the time that the tenant names, and always if the tenant names none", () => {
  const tenant = compiled().tenants.get(ids.contosoId) ?? assert.fail();
  const discarding = { ...tenant, tokensNotBeforeMs: startMs };
  assert.equal(isNewEnough({ mintedAtMs: startMs }, discarding), true);
  assert.equal(isNewEnough({ mintedAtMs: startMs - 1 }, discarding), false);
  assert.equal(isNewEnough({ mintedAtMs: 0 }, tenant), true);
});

describe("a token is kept", () => {
  const document = validPolicy();
  named(document.tenants, "contoso").tokensNotBefore = new Date(startMs).toISOString();
  const policy = compiled(document, { nowMs: startMs });
  const cases: [what: string, isKept: boolean, mintedAtMs: number, clientId: Guid, tenantId: Guid][] = [
    ["of an active client in an active tenant", true, startMs, ids.clientId, ids.contosoId],
    ["not if it is too old for its tenant", false, startMs - 1, ids.clientId, ids.contosoId],
    ["of a tenant that has discarded none, however old it is", true, 0, ids.clientId, ids.fabrikamId],
    ["not of a suspended client", false, startMs, ids.suspendedClientId, ids.contosoId],
    ["not of an unknown client", false, startMs, ids.unknownClientId, ids.contosoId],
    ["not of a suspended tenant", false, startMs, ids.clientId, ids.suspendedTenantId],
    ["not of an unknown tenant", false, startMs, ids.clientId, ids.unknownTenantId],
  ];
  for (const [what, isKept, mintedAtMs, clientId, tenantId] of cases) {
    test(what, () => assert.equal(isWanted({ mintedAtMs }, policy, clientId, tenantId), isKept));
  }
});
