import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type CachedToken, createTokenCache, tokenCacheKey } from "../../../../src/domain/issuing/token-cache.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { holds } from "../../../support/fixtures/property.ts";

const token = (accessToken = "token", expiresAt = 1000): CachedToken => ({
  ...{ accessToken, expiresAt, refreshAt: 800, mintedAtMs: 0 },
});
const keyOf = (change: Partial<Parameters<typeof tokenCacheKey>[0]> = {}) =>
  tokenCacheKey({ cloud: "public", clientId: ids.clientId, tenantId: ids.contosoId, scope: ids.graphScope, ...change });

describe("the token cache", () => {
  test("returns a token until the second in which it expires", () => {
    const cache = createTokenCache({ maxTokens: 10, maxBytes: 100_000 });
    cache.set("key", token());
    assert.equal(cache.get("key", 999)?.accessToken, "token");
    assert.equal(cache.get("key", 1000), undefined);
    assert.equal(cache.size, 0);
  });

  test("evicts the least recently used token first if there are too many", () => {
    const cache = createTokenCache({ maxTokens: 2, maxBytes: 100_000 });
    cache.set("a", token());
    cache.set("b", token());
    cache.get("a", 0);
    cache.set("c", token());
    assert.deepEqual(
      ["a", "b", "c"].map((key) => cache.get(key, 0) !== undefined),
      [true, false, true],
    );
  });

  test("is limited by bytes, including the overhead of an entry", () => {
    const cache = createTokenCache({ maxTokens: 1000, maxBytes: 10_000 });
    for (let i = 0; i < 100; i += 1) cache.set(`key-${i}`, token("x".repeat(1500)));
    assert.equal(cache.size, 5);
    assert.ok(cache.get("key-99", 0));
    cache.set("huge", token("x".repeat(20_000)));
    assert.equal(cache.get("huge", 0), undefined);
    const small = createTokenCache({ maxTokens: 1000, maxBytes: 10_000 });
    for (let i = 0; i < 100; i += 1) small.set(`key-${i}`, token(""));
    assert.ok(small.size < 26, "even empty tokens count");
  });

  test("counts an entry as its token, its key and 400 bytes", () => {
    const bytes = "token".length + "key".length + 400;
    for (const [maxBytes, size] of [
      [bytes, 1],
      [bytes - 1, 0],
    ] as const) {
      const cache = createTokenCache({ maxTokens: 10, maxBytes });
      cache.set("key", token());
      assert.equal(cache.size, size);
    }
  });

  test("reports how many tokens it holds", () => {
    const cache = createTokenCache({ maxTokens: 10, maxBytes: 100_000 });
    for (const each of ["a", "b", "c"]) cache.set(each, token(each));
    assert.equal(
      cache.count(({ accessToken }) => accessToken !== "b"),
      2,
    );
  });

  test("a suspension purges every token of the tenant or client, and no other", () => {
    const cache = createTokenCache({ maxTokens: 1000, maxBytes: 10_000_000 });
    const keep: string[] = [];
    for (let i = 0; i < 50; i += 1) {
      const scope = ids.scope(`api://resource-${i}/.default`);
      keep.push(keyOf({ scope }));
      for (const key of [
        keyOf({ scope }),
        keyOf({ scope, tenantId: ids.fabrikamId }),
        keyOf({ scope, clientId: ids.suspendedClientId }),
      ]) {
        cache.set(key, token());
      }
    }
    cache.retain((_token, client, tenant) => client === ids.clientId && tenant === ids.contosoId);
    assert.equal(cache.size, 50);
    assert.ok(keep.every((key) => cache.get(key, 0)));
  });

  test("has a different key for another cloud, client, tenant or scope (T12)", async (t) => {
    const guid = fc.uuid().map(ids.guid);
    const part = fc.record({
      cloud: fc.constantFrom(...(Object.keys(clouds) as (keyof typeof clouds)[])),
      clientId: guid,
      tenantId: guid,
      scope: fc
        .stringMatching(/^[\x21\x23-\x5b\x5d-\x7e]{1,20}$/)
        .map((resource) => ids.scope(`api:${resource}/.default`)),
    });
    const property = fc.property(part, part, (one, other) => {
      for (const name of ["cloud", "clientId", "tenantId", "scope"] as const) {
        const changed = { ...one, [name]: other[name] };
        assert.equal(tokenCacheKey(changed) === tokenCacheKey(one), one[name] === other[name]);
      }
    });
    await holds(t, property, 500);
  });
});
