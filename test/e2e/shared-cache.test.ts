/** Instances that share their tokens in a table, and what an attacker who writes to that table can do. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, beforeEach, describe, test } from "node:test";
import type { FunctionsInstance } from "../../local/stack/functions-instance.ts";
import { freePorts } from "../../local/stack/ports.ts";
import * as world from "../../local/stack/world.ts";
import { runKeyhold } from "../support/run-keyhold.ts";
import { askToken, countOperations, testStack, untilWritten } from "../support/test-stack.ts";

const stack = await testStack({ startFunctions: false, sharedCache: true });
const table = stack.storage.sharedTokens;
const { tenantId } = world.tenants.contoso;
const first = await stack.addInstance(await freePorts());

const ask = async ({ httpsUrl }: FunctionsInstance, scope: string = world.scopes.graph) => {
  const { status, body } = await askToken(stack, tenantId, { url: httpsUrl, scope });
  assert.equal(status, 200, JSON.stringify(body));
  return String(body.access_token);
};
const signatures = () => countOperations(stack, "KeySign");
const rowKeyOf = (kind: "token" | "claim", scope: string) =>
  `${kind}_public_${world.client.clientId}_${createHash("sha256").update(scope).digest("hex").slice(0, 32)}`;
const rowOf = (scope: string) => table.getEntity<Record<string, unknown>>(tenantId, rowKeyOf("token", scope));

/** An instance without memory, as after a scale-out. */
async function freshInstance() {
  const instance = await stack.addInstance(await freePorts());
  after(() => instance.stop());
  return instance;
}

/** The row is stored behind the answer. */
async function storedRow(scope: string) {
  for (let i = 0; i < 600; i++) {
    const row = await rowOf(scope).catch(() => undefined);
    if (row) return row;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return assert.fail("the token was not stored");
}

beforeEach(async () => {
  Object.assign(stack.storage.behaviour, { latencyMs: 0, faults: [] });
});

describe("instances that share their tokens", () => {
  test("make one signature for one key, for any number of instances and requests", async () => {
    const before = signatures();
    const token = await ask(first);
    await storedRow(world.scopes.graph);
    const others = await Promise.all([freshInstance(), freshInstance()]);
    for (const instance of others) assert.equal(await ask(instance), token);
    assert.equal(signatures() - before, 1);
    assert.equal(countOperations(stack, "KeyUnwrap"), 3, "each instance has the vault unwrap once");
  });

  test("keep no token in clear text in the table", async () => {
    const token = await ask(first);
    const rows = [];
    for await (const row of table.listEntities()) rows.push(row);
    const text = rows
      .map((row) => Object.values(row).map((value) => Buffer.from(String(value)).toString("latin1")))
      .join();
    const sealed = Buffer.from((await storedRow(world.scopes.graph)).sealed as Uint8Array).toString("latin1");
    for (const part of token.split(".")) {
      assert.ok(!text.includes(part.slice(0, 24)));
      assert.ok(!sealed.includes(part.slice(0, 24)));
    }
  });
});

describe("an attacker who writes to the table of shared tokens", () => {
  const attacks: Record<string, () => Promise<void>> = {
    "moves a row to the place of another scope": async () => {
      const { sealed, expiresAt, lifetimeSeconds, mintedAt } = await storedRow(world.scopes.graph);
      const place = { partitionKey: tenantId, rowKey: rowKeyOf("token", world.scopes.orders) };
      await table.upsertEntity({ ...place, sealed, expiresAt, lifetimeSeconds, mintedAt }, "Replace");
    },
    "gives a row a later expiry": async () => {
      const row = await storedRow(world.scopes.orders);
      const expiresAt = new Date((row.expiresAt as Date).getTime() + 3_600_000);
      await table.updateEntity({ partitionKey: tenantId, rowKey: String(row.rowKey), expiresAt }, "Merge");
    },
    "gives a row a later time of minting, to outlive tokensNotBefore": async () => {
      const row = await storedRow(world.scopes.orders);
      const mintedAt = new Date((row.mintedAt as Date).getTime() + 60_000);
      await table.updateEntity({ partitionKey: tenantId, rowKey: String(row.rowKey), mintedAt }, "Merge");
    },
    "puts a row of another form": async () => {
      await table.updateEntity(
        { partitionKey: tenantId, rowKey: rowKeyOf("token", world.scopes.orders), sealed: "x" },
        "Merge",
      );
    },
  };
  for (const [what, attack] of Object.entries(attacks)) {
    test(`${what}: the instance mints, serves its own token and reports it`, async () => {
      // The claim of the mint before would make the next instance wait.
      const release = () => table.deleteEntity(tenantId, rowKeyOf("claim", world.scopes.orders)).catch(() => undefined);
      await attack();
      await release();
      const before = signatures();
      const instance = await freshInstance();
      const token = await ask(instance, world.scopes.orders);
      assert.equal(signatures() - before, 1);
      assert.equal(
        JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).aud,
        "https://orders.example",
      );
      await untilWritten(instance, /"event":"shared_cache_failed","operation":"find","reason":"not_ours"/);
    });
  }
});

describe("a shared cache with a fault", () => {
  test("is slow: the instance works alone after 250 ms, and reports it", async () => {
    const instance = await freshInstance();
    Object.assign(stack.storage.behaviour, { latencyMs: 1_000 });
    const before = signatures();
    await ask(instance);
    assert.equal(signatures() - before, 1);
    await untilWritten(instance, /"event":"shared_cache_failed","operation":"find","reason":"failed"/);
  });

  test("has a key that may not be unwrapped: the instance works alone, and reports it", async () => {
    const { assignments } = stack.keyVault;
    const removed = assignments.splice(
      assignments.findIndex(({ actions }) => actions.includes("unwrap")),
      1,
    );
    const instance = await freshInstance();
    const before = signatures();
    await ask(instance);
    assert.equal(signatures() - before, 1);
    await untilWritten(instance, /"event":"shared_cache_failed","operation":"unwrap"/);
    assignments.push(...removed);
  });
});

test("a suspension deletes the tokens of the tenant from the table", async () => {
  await ask(first);
  await storedRow(world.scopes.graph);
  const policy = JSON.parse(await readFile(stack.policyFile, "utf8")) as world.Policy;
  for (const tenant of policy.tenants) if (tenant.tenantId === tenantId) tenant.state = "suspended";
  await stack.writePolicy(policy);
  await first.moveClock(61_000);
  assert.equal((await askToken(stack, tenantId, { url: first.httpsUrl })).status, 403);
  for (let i = 0; i < 600 && (await rowOf(world.scopes.graph).catch(() => undefined)); i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await assert.rejects(rowOf(world.scopes.graph), { statusCode: 404 });
});

test("instances can use a key that the command line creates", async () => {
  const vaultUrl = `https://${world.vaultHost}`;
  const args = [
    "--operator-identity",
    world.operator.clientId,
    "--json",
    "shared-cache",
    "create-key",
    "--vault",
    vaultUrl,
  ];
  const { exit, stdout, stderr } = await runKeyhold(stack, args);
  assert.equal(exit, 0, stderr);
  const settings = JSON.parse(stdout) as Record<string, string>;
  assert.equal(settings.KEYHOLD_SHARED_CACHE_KEY_ID, stack.settings(1).KEYHOLD_SHARED_CACHE_KEY_ID);
  assert.notEqual(settings.KEYHOLD_SHARED_CACHE_WRAPPED_KEY, stack.settings(1).KEYHOLD_SHARED_CACHE_WRAPPED_KEY);
  await stack.writePolicy(world.policyOf(stack.key, stack.publisher));
  const [one, two] = await Promise.all(
    [freePorts(), freePorts()].map(async (ports) => stack.addInstance(await ports, settings)),
  );
  const before = signatures();
  const token = await ask(one as FunctionsInstance, world.scopes.orders);
  assert.equal(await ask(two as FunctionsInstance, world.scopes.orders), token);
  assert.equal(signatures() - before, 1);
});
