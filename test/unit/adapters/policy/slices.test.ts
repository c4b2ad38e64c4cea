/** A large policy is read in slices, with the same result and the same problems as when read at once. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { parseEntries } from "../../../../src/adapters/policy/entries.ts";
import { policySchema } from "../../../../src/adapters/policy/schema.ts";
import { inSlices } from "../../../../src/adapters/policy/slices.ts";
import { createPolicySource } from "../../../../src/adapters/policy/source.ts";
import { locateSteps } from "../../../../src/adapters/policy/text.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { atOnce } from "../../../../src/domain/shared/steps.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { homeTenantId } from "../../../support/fixtures/ids.ts";
import { certificateDocument, grant, validPolicy } from "../../../support/fixtures/policy.ts";
import { holds } from "../../../support/fixtures/property.ts";

const many = 500;
const names = Array.from({ length: many }, (_, i) => `tenant-${i}`);
const tenants = names.map((name, i) => ({
  ...{ name, tenantId: `42000000-0000-4000-8000-${String(i).padStart(12, "0")}`, state: "active" as const },
}));

/** A clock on which each look takes a millisecond, so a slice is a few steps; `turns` counts the loop's turns. */
function countedPauses() {
  let [nowMs, turns] = [0, 0];
  return {
    nowMs: () => nowMs++,
    turn: async () => {
      turns++;
      await nextTurn();
    },
    turns: () => turns,
  };
}

async function read(document: unknown) {
  const pauses = countedPauses();
  const text = JSON.stringify(document);
  const source = createPolicySource(
    async () => ({ etag: "e", text }),
    { cloud: clouds.public, homeTenantId },
    () => startMs,
    pauses,
  );
  return { reading: await source.read(undefined), turns: pauses.turns() };
}

describe("between the slices the event loop runs, and requests are served", () => {
  const valid = validPolicy();
  const withTenants = { ...valid, tenants: [...valid.tenants, ...tenants] };
  const ofOneClient = withTenants.clients[0];
  for (const [what, document, isValid] of [
    ["many tenants", withTenants, true],
    ["one grant of many tenants", { ...withTenants, grants: [grant({ tenants: names })] }, true],
    ["many grants", { ...valid, grants: names.map(() => grant({})) }, true],
    [
      "many that the home tenant does not get",
      {
        ...valid,
        grants: names.map(() => grant({ tenants: ["home"], scopes: ["https://vault.azure.net/.default"] })),
      },
      true,
    ],
    ["many entries of a wrong shape", { ...valid, tenants: names.map((name) => ({ name })) }, false],
    ["many names that lead nowhere", { ...valid, grants: [grant({ tenants: names })] }, false],
    [
      "many certificates of one client, and a publisher",
      { ...valid, clients: [{ ...ofOneClient, certificates: names.map(() => certificateDocument()) }] },
      false,
    ],
  ] as const) {
    test(what, async () => {
      const { reading, turns } = await read(document);
      assert.equal(reading.changed && "value" in reading, isValid);
      assert.ok(turns > many / 4, `${turns} turns`);
    });
  }

  test("a text that is not valid JSON at its end", async () => {
    const pauses = countedPauses();
    const text = `${JSON.stringify(withTenants)},`;
    const source = createPolicySource(
      async () => ({ etag: "e", text }),
      { cloud: clouds.public, homeTenantId },
      () => startMs,
      pauses,
    );
    const reading = await source.read(undefined);
    assert.ok(reading.changed && "problems" in reading && reading.problems[0]?.line === 1);
    assert.ok(pauses.turns() > many / 4);
  });

  test("a check of entries alone is one step for each, and so is the search for the places of problems", () => {
    assert.equal([...parseEntries({ tenants })].length, many);
    const problems = names.map((path) => ({ path, rule: "x" }));
    assert.ok([...locateSteps("{}", problems)].length >= many);
  });

  test("a slice lasts until four milliseconds have passed, however many steps that are", async () => {
    let nowMs = 0;
    function* steps() {
      for (; nowMs < 20; nowMs++) yield undefined;
    }
    const turnsMs: number[] = [];
    await inSlices(steps(), { nowMs: () => nowMs, turn: async () => turnsMs.push(nowMs) });
    assert.deepEqual(turnsMs, [4, 8, 12, 16]);
  });

  test("the time of a slice is that of the process, and its loop turns", async (t) => {
    async function orderWhenEachStepTakes(stepMs: number) {
      let nowMs = 0;
      t.mock.method(performance, "now", () => nowMs);
      const order: string[] = [];
      function* steps() {
        for (let i = 0; i < 10; i++) {
          nowMs += stepMs;
          yield undefined;
        }
        order.push("read");
      }
      const another = new Promise<void>((resolve) => {
        setImmediate(() => {
          order.push("another");
          resolve();
        });
      });
      await inSlices(steps());
      await another;
      return order;
    }
    assert.deepEqual(await orderWhenEachStepTakes(0), ["read", "another"]);
    assert.deepEqual(await orderWhenEachStepTakes(5), ["another", "read"]);
  });

  test("another timer of the process has its turn before the policy is read", async () => {
    const order: string[] = [];
    function* steps() {
      for (let i = 0; i < 10; i++) yield undefined;
      order.push("read");
    }
    setImmediate(() => order.push("another"));
    let nowMs = 0;
    await inSlices(steps(), { nowMs: () => nowMs++, turn: () => nextTurn() });
    assert.deepEqual(order, ["another", "read"]);
  });
});

test("validated entry by entry, a document has the issues of the whole schema, in their order, and the same data", async (t) => {
  const wrong = fc.constantFrom<unknown>(undefined, null, 7, "", "no GUID", [], [7], {}, "all-active", true);
  const members = Object.keys(policySchema.shape);
  const change = fc.record({
    list: fc.constantFrom(...members, "unknown"),
    index: fc.option(fc.nat(2)),
    member: fc.option(fc.constantFrom("name", "tenantId", "tenants", "scopes", "state", "certificates", "extra")),
    wrong,
  });
  const property = fc.property(fc.array(change, { maxLength: 4 }), fc.constantFrom(false, true), (changes, isWhole) => {
    // biome-ignore lint/suspicious/noExplicitAny: the changes break the shape.
    const document: any = { ...structuredClone(validPolicy()), homeApis: [], metadata: [{ tenant: "common" }] };
    for (const { list, index, member, wrong } of changes.map((each) => structuredClone(each))) {
      const entries = document[list];
      if (index === null || !Array.isArray(entries)) document[list] = wrong;
      else if (member === null || !(entries[index] instanceof Object)) entries[index] = wrong;
      else entries[index][member] = wrong;
    }
    const value = isWhole && changes.length > 0 ? changes[0]?.wrong : JSON.parse(JSON.stringify(document));
    const whole = policySchema.safeParse(value);
    const { issues, document: parsed } = atOnce(parseEntries(value));
    assert.deepEqual(issues, whole.error?.issues ?? []);
    if (whole.success) {
      const { $schema: _, ...data } = whole.data;
      assert.deepEqual({ ...parsed }, { publisher: undefined, ...data });
    }
  });
  await holds(t, property, 1_000);
});
