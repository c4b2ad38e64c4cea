/** Distinguishes an outage of Entra from failures of two tenants of one owner. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createEntraOutage } from "../../../../src/domain/issuing/entra-outage.ts";

/** An outage of `one` and `two`, and the answer for another tenant that ends it, at 100 ms. */
function refuted() {
  const entra = createEntraOutage();
  assert.equal(entra.failedFor("one", false, 0), false);
  assert.equal(entra.failedFor("two", false, 0), true);
  entra.answered("other", 100);
  return entra;
}

describe("an outage of Entra", () => {
  test("is assumed after failures of two tenants within 5 s of each other, and confirmed by a third tenant", () => {
    const entra = createEntraOutage();
    entra.failedFor("one", false, 0);
    assert.equal(entra.isSuspect("one"), false, "one alone is none");
    assert.equal(entra.failedFor("two", false, 5_000), true);
    assert.deepEqual([entra.isSuspect("one"), entra.isSuspect("two"), entra.isSuspect("other")], [true, true, false]);
    assert.equal(entra.isConfirmed(), false);
    assert.equal(entra.failedFor("third", true, 60_000), true);
    assert.equal(entra.isConfirmed(), true);
    assert.equal(entra.isSuspect("third"), true);
  });

  test("is not assumed if the second failure comes later, or is of the same tenant", () => {
    for (const [tenant, atMs] of [
      ["two", 5_001],
      ["one", 1],
    ] as const) {
      const entra = createEntraOutage();
      entra.failedFor("one", false, 0);
      assert.equal(entra.failedFor(tenant, false, atMs), false);
    }
  });

  test("is measured from the latest failure, whatever came before", () => {
    const entra = createEntraOutage();
    entra.failedFor("one", false, 0);
    entra.failedFor("two", false, 10_000);
    assert.equal(entra.failedFor("third", false, 15_000), true);
    assert.equal(entra.isSuspect("one"), false);
  });

  test("that ended by itself does not affect the next one", () => {
    const entra = createEntraOutage();
    entra.failedFor("one", false, 0);
    entra.failedFor("two", false, 0);
    assert.equal(entra.failedFor("third", false, 60_000), false, "the outage is over");
    assert.equal(entra.isSuspect("one"), false);
  });

  test("that an answer disproves was caused by these two tenants, which are ignored for ten minutes", () => {
    const entra = refuted();
    assert.equal(entra.isSuspect("one"), false);
    assert.equal(entra.failedFor("one", false, 600_099), false);
    assert.equal(entra.failedFor("two", false, 600_099), false);
    assert.equal(entra.failedFor("third", false, 600_099), false, "the others' failures were none");
    assert.equal(entra.failedFor("one", false, 600_100), true);
  });

  test("does not count those two during another outage either", () => {
    const entra = refuted();
    entra.failedFor("third", false, 200);
    entra.failedFor("fourth", false, 200);
    assert.equal(entra.failedFor("one", true, 300), true, "it is down all the same");
    assert.equal(entra.isConfirmed(), false);
  });

  test("is not assumed because of one of those two and another tenant, however soon after the answer", () => {
    for (const order of [
      ["two", "third"],
      ["third", "two"],
    ] as const) {
      const entra = refuted();
      for (const tenant of order) assert.equal(entra.failedFor(tenant, false, 200), false);
      assert.equal(entra.failedFor("fourth", false, 300), true, "two others make one");
    }
  });

  test("that an answer for one of the two ends was caused by the other, and the first counts again", () => {
    const entra = createEntraOutage();
    entra.failedFor("one", false, 0);
    entra.failedFor("two", false, 0);
    entra.answered("one", 100);
    assert.equal(entra.failedFor("two", false, 200), false);
    assert.equal(entra.failedFor("third", false, 200), false);
    assert.equal(entra.failedFor("one", false, 200), true);
  });
});
