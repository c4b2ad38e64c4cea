/** The rows of shared tokens and of claims: which instance reads what, which may mint, and what is deleted. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import {
  deleteClaim,
  deleteRows,
  MalformedRow,
  readToken,
  type TokenRow,
  takeClaim,
  writeToken,
} from "../../../../src/adapters/shared-cache/table.ts";
import type { TokenCacheKey } from "../../../../src/domain/issuing/token-cache.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { createFakeTable, tableError } from "../../../support/fakes/table.ts";
import * as ids from "../../../support/fixtures/ids.ts";

const place: TokenCacheKey = {
  ...{ cloud: "public", clientId: ids.clientId, tenantId: ids.contosoId, scope: ids.graphScope },
};
const elsewhere: Record<string, TokenCacheKey> = {
  cloud: { ...place, cloud: "china" },
  client: { ...place, clientId: ids.suspendedClientId },
  tenant: { ...place, tenantId: ids.fabrikamId },
  scope: { ...place, scope: ids.storageScope },
};
const row: TokenRow = {
  sealed: new Uint8Array([1, 2, 3]),
  expiresAt: startMs / 1000 + 3_600,
  lifetimeSeconds: 3_600,
  mintedAtMs: startMs - 1,
};
const hashOf = (scope: string) => createHash("sha256").update(scope).digest("hex").slice(0, 32);
const rowKey = (kind: "token" | "claim") => `${kind}_public_${ids.clientId}_${hashOf(ids.graphScope)}`;

describe("the row of a token", () => {
  test("is read as written, from its own key only", async () => {
    const { client, rows } = createFakeTable();
    await writeToken(client, place, row);
    assert.deepEqual(await readToken(client, place), row);
    for (const [what, other] of Object.entries(elsewhere))
      assert.equal(await readToken(client, other), undefined, what);
    const [{ partitionKey, rowKey: key } = assert.fail()] = rows();
    assert.deepEqual([partitionKey, key], [ids.contosoId, rowKey("token")], "where every version looks for it");
  });

  test("replaces the previous one with all its members", async () => {
    const { client, rows } = createFakeTable();
    await client.upsertEntity({ partitionKey: ids.contosoId, rowKey: rowKey("token"), left: "over" }, "Replace");
    await writeToken(client, place, row);
    assert.ok(!("left" in (rows()[0] ?? {})));
  });

  test("is not written if the token is too large for a table", async () => {
    const { client } = createFakeTable();
    await writeToken(client, place, { ...row, sealed: new Uint8Array(60_001) });
    assert.equal(await readToken(client, place), undefined);
    const sealed = new Uint8Array(60_000);
    await writeToken(client, place, { ...row, sealed });
    assert.deepEqual((await readToken(client, place))?.sealed, sealed);
  });

  const malformed: Record<string, object> = {
    "a token as text": { sealed: "x" },
    "no token": { sealed: undefined },
    "a lifetime as text": { lifetimeSeconds: "3600" },
    "an expiry as text": { expiresAt: "2026-06-01T12:00:00Z" },
    "no time of minting": { mintedAt: undefined },
  };
  for (const [what, change] of Object.entries(malformed)) {
    test(`with ${what} is malformed`, async () => {
      const { client } = createFakeTable();
      await writeToken(client, place, row);
      await client.upsertEntity({ partitionKey: ids.contosoId, rowKey: rowKey("token"), ...change }, "Merge");
      await assert.rejects(readToken(client, place), MalformedRow);
    });
  }

  test("is an error, and not missing, if storage refuses to answer", async () => {
    const table = createFakeTable();
    table.meanwhile = () => {
      throw tableError(403);
    };
    await assert.rejects(readToken(table.client, place), { statusCode: 403 });
  });
});

/** A claim of these times by `holder`. */
const claims = (client: ReturnType<typeof createFakeTable>["client"], holder: string, nowMs = startMs) =>
  takeClaim(client, place, holder, { nowMs, untilMs: nowMs + 1_000 });

describe("a claim", () => {
  test("is held by one, and by another only from the moment it expires", async () => {
    const { client, rows } = createFakeTable();
    assert.equal(await claims(client, "one"), true);
    assert.equal(await claims(client, "one"), true, "its own");
    assert.equal(await claims(client, "two", startMs + 999), false);
    assert.equal(await claims(client, "two", startMs + 1_000), true);
    assert.equal(await claims(client, "one", startMs + 1_000), false, "it has lost it");
    assert.deepEqual(rows(), [
      {
        ...{ partitionKey: ids.contosoId, rowKey: rowKey("claim") },
        ...{ holder: "two", expiresAt: new Date(startMs + 2_000) },
      },
    ]);
  });

  test("of one key does not apply to another", async () => {
    const { client } = createFakeTable();
    await claims(client, "one");
    for (const [what, other] of Object.entries(elsewhere)) {
      assert.equal(await takeClaim(client, other, "two", { nowMs: startMs, untilMs: startMs + 1 }), true, what);
    }
  });

  test("that has expired is taken over by one of two that try at once", async () => {
    const table = createFakeTable();
    await claims(table.client, "before");
    table.meanwhile = async (operation) => {
      if (operation !== "updateEntity") return;
      table.meanwhile = () => {};
      assert.equal(await claims(table.client, "two", startMs + 1_000), true);
    };
    assert.equal(await claims(table.client, "one", startMs + 1_000), false);
    assert.equal(table.rows()[0]?.holder, "two");
  });

  test("that was just released is not granted at this look", async () => {
    const table = createFakeTable();
    await claims(table.client, "before");
    table.meanwhile = async (operation) => {
      if (operation !== "getEntity") return;
      table.meanwhile = () => {};
      await deleteClaim(table.client, place, "before");
    };
    assert.equal(await claims(table.client, "one"), false);
  });

  for (const operation of ["createEntity", "getEntity", "updateEntity"] as const) {
    test(`is an error, and neither granted nor held, if storage fails at ${operation}`, async () => {
      const table = createFakeTable();
      await claims(table.client, "before");
      table.meanwhile = (asked) => {
        if (asked === operation) throw tableError(503);
      };
      await assert.rejects(claims(table.client, "one", startMs + 1_000), { statusCode: 503 });
    });
  }

  test("of an unknown form is an error, and not granted", async () => {
    const { client } = createFakeTable();
    await client.createEntity({ partitionKey: ids.contosoId, rowKey: rowKey("claim"), holder: "x", expiresAt: "x" });
    await assert.rejects(claims(client, "one"), MalformedRow);
  });
});

describe("releasing a claim", () => {
  test("deletes the instance's own, and no other", async () => {
    const { client, rows } = createFakeTable();
    await claims(client, "one");
    await deleteClaim(client, place, "two");
    assert.equal(rows().length, 1);
    await deleteClaim(client, place, "one");
    assert.equal(rows().length, 0);
  });

  test("leaves the claim of an instance that has taken it over meanwhile", async () => {
    const table = createFakeTable();
    await claims(table.client, "one");
    table.meanwhile = async (operation) => {
      if (operation !== "deleteEntity") return;
      table.meanwhile = () => {};
      await claims(table.client, "two", startMs + 1_000);
    };
    await deleteClaim(table.client, place, "one");
    assert.equal(table.rows()[0]?.holder, "two");
  });

  test("is no error if there is none, and an error if storage fails", async () => {
    const table = createFakeTable();
    await deleteClaim(table.client, place, "one");
    table.meanwhile = () => {
      throw tableError(503);
    };
    await assert.rejects(deleteClaim(table.client, place, "one"), { statusCode: 503 });
  });
});

describe("a sweep", () => {
  const kept = { partitionKey: ids.contosoId, expiresAt: new Date(startMs + 1), mintedAt: new Date(startMs - 5) };
  /** Which rows are left of one with these changes; tokens of Contoso from the last 10 ms are wanted. */
  async function sweep(kind: "token" | "claim", changes: object) {
    const { client, rows } = createFakeTable();
    await client.createEntity({ ...kept, rowKey: rowKey(kind), ...changes });
    await deleteRows(
      client,
      ({ mintedAtMs }, clientId, tenantId) =>
        mintedAtMs >= startMs - 10 && clientId === ids.clientId && tenantId === ids.contosoId,
      startMs,
    );
    return rows().length;
  }

  test("keeps tokens that are valid and needed, and claims that have not expired, of every tenant", async () => {
    assert.equal(await sweep("token", {}), 1);
    assert.equal(await sweep("claim", { mintedAt: undefined }), 1);
    assert.equal(await sweep("claim", { partitionKey: ids.suspendedTenantId }), 1);
  });

  const deleted: [what: string, kind: "token" | "claim", changes: object][] = [
    ["a token that has expired", "token", { expiresAt: new Date(startMs) }],
    ["a claim that has run out", "claim", { expiresAt: new Date(startMs) }],
    ["a token that is not wanted: it is too old", "token", { mintedAt: new Date(startMs - 11) }],
    ["a token that is not wanted: the tenant is suspended", "token", { partitionKey: ids.suspendedTenantId }],
    ["a token whose age nobody knows", "token", { mintedAt: "2026-06-01T12:00:00Z" }],
    ["a row without expiry", "claim", { expiresAt: undefined }],
    ["a row of no tenant", "claim", { partitionKey: "contoso" }],
    ["a row of no client", "claim", { rowKey: "claim_public_broker_0" }],
    ["a row of another kind", "token", { rowKey: rowKey("token").replace("token", "other"), mintedAt: undefined }],
    ["a row with a key of another form", "token", { rowKey: "token" }],
  ];
  for (const [what, kind, changes] of deleted) {
    test(`deletes ${what}`, async () => assert.equal(await sweep(kind, changes), 0));
  }

  test("does not load the tokens", async () => {
    const { client, listed } = createFakeTable();
    await writeToken(client, place, row);
    await deleteRows(client, () => true, startMs);
    assert.deepEqual(Object.keys(listed[0] ?? {}), ["partitionKey", "rowKey", "expiresAt", "mintedAt"]);
  });

  test("continues after a row that another instance has deleted meanwhile, and ends if storage fails", async () => {
    const fill = async () => {
      const table = createFakeTable();
      for (const other of Object.values(elsewhere)) await writeToken(table.client, other, row);
      return table;
    };
    const shared = await fill();
    let isFirst = true;
    shared.meanwhile = async (operation) => {
      if (operation !== "deleteEntity" || !isFirst) return;
      isFirst = false;
      throw tableError(404);
    };
    await deleteRows(shared.client, () => false, startMs);
    assert.equal(shared.rows().length, 1);
    const failing = await fill();
    failing.meanwhile = (operation) => {
      if (operation === "deleteEntity") throw tableError(503);
    };
    await assert.rejects(
      deleteRows(failing.client, () => false, startMs),
      { statusCode: 503 },
    );
  });
});
