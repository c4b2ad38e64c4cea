/** Data sealed for one row key and its times can be opened only for these, and only under the same key. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { openToken, sealToken } from "../../../../src/adapters/shared-cache/seal.ts";
import type { SharedToken } from "../../../../src/domain/issuing/ports.ts";
import type { TokenCacheKey } from "../../../../src/domain/issuing/token-cache.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { holds } from "../../../support/fixtures/property.ts";

const rootKey = new Uint8Array(32).fill(7);
const place: TokenCacheKey = {
  ...{ cloud: "public", clientId: ids.clientId, tenantId: ids.contosoId, scope: ids.graphScope },
};
const mintedAtMs = Date.UTC(2026, 5, 1, 23, 59, 59, 999);
const times = { expiresAt: 1_780_000_000, lifetimeSeconds: 3_600, mintedAtMs };
const token: SharedToken = { accessToken: "eyJ0eXAiOiJKV1QifQ.payload.signature", ...times };
const sealed = sealToken(rootKey, place, token);

describe("a sealed token", () => {
  test("opens to what was sealed, for any content", async (t) => {
    assert.equal(openToken(rootKey, place, times, sealed), token.accessToken);
    await holds(
      t,
      fc.property(fc.string(), (accessToken) => {
        assert.equal(
          openToken(rootKey, place, times, sealToken(rootKey, place, { ...token, accessToken })),
          accessToken,
        );
      }),
    );
  });

  test("is different each time", () => assert.notDeepEqual(sealToken(rootKey, place, token), sealed));

  const elsewhere: Record<string, TokenCacheKey> = {
    cloud: { ...place, cloud: "china" },
    client: { ...place, clientId: ids.suspendedClientId },
    tenant: { ...place, tenantId: ids.fabrikamId },
    scope: { ...place, scope: ids.scope("api://other/.default") },
  };
  for (const [what, other] of Object.entries(elsewhere)) {
    test(`does not open for another ${what}`, () => assert.throws(() => openToken(rootKey, other, times, sealed)));
  }

  for (const name of Object.keys(times) as (keyof typeof times)[]) {
    test(`does not open with another ${name}`, () => {
      assert.throws(() => openToken(rootKey, place, { ...times, [name]: times[name] + 1 }, sealed));
    });
  }

  test("does not open under another key, nor under the key of another day", () => {
    assert.throws(() => openToken(new Uint8Array(32).fill(8), place, times, sealed));
    assert.throws(() => openToken(rootKey, place, { ...times, mintedAtMs: mintedAtMs + 86_400_000 }, sealed));
  });

  test("does not open if a bit has changed or bytes are missing", async (t) => {
    await holds(
      t,
      fc.property(fc.nat(sealed.length * 8 - 1), (bit) => {
        const changed = Buffer.from(sealed);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assert.throws(() => openToken(rootKey, place, times, changed));
      }),
    );
    for (let length = 0; length < sealed.length; length++) {
      assert.throws(() => openToken(rootKey, place, times, sealed.subarray(0, length)));
    }
  });
});

test("a token that an earlier version has sealed still opens: it may lie in the table for hours", () => {
  const written = "PbeHRLNxkTLo8TfHRKUD94dfytWOL4CxZnmDANPA4oCzjMNMHYzfFB4aEpY=";
  const stored: TokenCacheKey = {
    cloud: "public",
    clientId: ids.guid("30000000-0000-4000-8000-000000000001"),
    tenantId: ids.guid("40000000-0000-4000-8000-000000000001"),
    scope: ids.scope("https://graph.microsoft.com/.default"),
  };
  assert.equal(openToken(rootKey, stored, times, Buffer.from(written, "base64")), "a token of Ünal");
});

test("what is too short for a nonce and a tag is refused as that", () => {
  for (const length of [0, 27]) {
    assert.throws(() => openToken(rootKey, place, times, new Uint8Array(length)), /cut off/);
  }
  assert.equal(openToken(rootKey, place, times, sealToken(rootKey, place, { ...token, accessToken: "" })), "");
});
