import assert from "node:assert/strict";
import { test } from "node:test";
import { shortSoak } from "../../bench/soak/paces.ts";
import { faultKinds } from "../../bench/soak/plan.ts";
import { runSoak } from "../../bench/soak/soak.ts";
import { testStack } from "../support/test-stack.ts";

/** The short form of `node bench/soak.ts`: the same code, for some 28 s. */
const seed = 20_270_101;
const stack = await testStack({ startFunctions: false });
const { traffic, faults, changes, ledger, alarms, output } = await runSoak(stack, undefined, shortSoak(seed));

test(`under faults and changes of seed ${seed} every answer is correct`, (t) => {
  t.diagnostic(JSON.stringify(traffic.answers));
  assert.deepEqual(traffic.wrong.slice(0, 20), []);
});

test("the soak included every kind of fault and change", () => {
  assert.deepEqual(new Set(faults.map(({ kind }) => kind)), new Set(faultKinds));
  for (const [kind, count] of Object.entries(changes)) assert.ok(count > 0, kind);
  // A 503 may be among them or not: retries and the cache stand before it.
  for (const answer of ["token: 200", "token: 403", "assertion: 200", "not granted: 403"]) {
    assert.ok((traffic.answers[answer] ?? 0) > 0, answer);
  }
  assert.ok((traffic.answers["forged caller: 401"] ?? 0) > 0);
});

test("the ledger accounts for every signature in the vault's log, and claims none that was not made", () => {
  assert.ok(ledger.signatures > 20);
  assert.deepEqual(ledger.unaccounted, []);
  assert.deepEqual(ledger.invented, []);
  assert.equal(ledger.open, 0);
  assert.deepEqual(alarms, []);
});

test("no failure was unexpected, and no token or key URL is in the log", () => {
  assert.doesNotMatch(output, /"code":"unexpected"/);
  assert.doesNotMatch(output, /eyJ[A-Za-z0-9_-]{10}|vault\.azure\.net/);
});
