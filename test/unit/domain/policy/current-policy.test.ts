/** When the policy is read again, which requests wait for it, and what happens while it cannot be read. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { KeyholdEvent } from "../../../../src/domain/events.ts";
import type { AccessPolicy } from "../../../../src/domain/policy/access-policy.ts";
import { createCurrentPolicy } from "../../../../src/domain/policy/current-policy.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import {
  createFakePolicySource,
  createFakeSuspensionsSource,
  suspended,
} from "../../../support/fakes/policy-source.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { compiled, validPolicy } from "../../../support/fixtures/policy.ts";

const one = compiled();
const two = compiled({ ...validPolicy(), grants: [] });
const problems = [{ path: "grants[0].caller", rule: "must be the name of an entry" }];

function setUp(first: Parameters<typeof createFakePolicySource>[0] = one) {
  const source = createFakePolicySource(first);
  const suspensions = createFakeSuspensionsSource();
  const events: KeyholdEvent[] = [];
  const applied: AccessPolicy[] = [];
  const current = createCurrentPolicy(
    { policy: source, suspensions },
    (event) => void events.push(event),
    (policy) => void applied.push(policy),
  );
  const at = (seconds: number) => current.at(startMs + seconds * 1000);
  const names = () => events.map(({ event }) => event);
  return { source, suspensions, events, applied, current, at, names };
}

const unavailable = (error: unknown) => error instanceof Fault && error.code === "policy_unavailable";

describe("the current policy", () => {
  test("is read at the first request, which waits for it", async () => {
    const { at, source, applied, events } = setUp();
    assert.equal(await at(0), one);
    assert.deepEqual(source.calls, [undefined]);
    assert.deepEqual(applied, [one]);
    assert.deepEqual(events, [{ event: "policy_applied", etag: "etag-1", grants: one.grants.size, withheld: 0 }]);
  });

  test("is not read again for 30 s, then in the background with its ETag", async () => {
    const { at, source, applied } = setUp();
    await at(0);
    await at(29);
    assert.equal(source.calls.length, 1);
    source.put(two);
    assert.equal(await at(30), one, "nobody waits before 50 s");
    await nextTurn();
    assert.deepEqual(source.calls, [undefined, "etag-1"]);
    assert.equal(await at(31), two);
    assert.deepEqual(applied, [one, two]);
  });

  test("is waited for when it is 50 s old, so that a suspension applies everywhere within 60 s", async () => {
    const { at, source } = setUp();
    await at(0);
    source.put(two);
    assert.equal(await at(50), two);
  });

  test("is applied once: an unchanged one purges nothing", async () => {
    const { at, applied, source } = setUp();
    for (const second of [0, 50, 100, 150]) await at(second);
    assert.equal(source.calls.length, 4);
    assert.equal(applied.length, 1);
  });

  test("is read once for all requests at the same time", async () => {
    const { at, source } = setUp();
    await Promise.all(Array.from({ length: 100 }, () => at(0)));
    await Promise.all(Array.from({ length: 100 }, () => at(60)));
    assert.equal(source.calls.length, 2);
  });

  test("a request during a read waits for it when the policy is 50 s old", async () => {
    const { at, source } = setUp();
    await at(0);
    source.put(two);
    let open: () => void = () => undefined;
    source.gate = new Promise((resolve) => {
      open = resolve;
    });
    assert.equal(await at(48), one);
    const waiting = at(51);
    open();
    assert.equal(await waiting, two);
    assert.equal(source.calls.length, 2);
  });

  test("a broken new policy never replaces the old one, and an event repeats it every five minutes", async () => {
    const { at, source, events, applied } = setUp();
    await at(0);
    source.put(problems);
    for (let second = 50; second <= 650; second += 50) assert.equal(await at(second), one);
    assert.deepEqual(applied, [one]);
    assert.deepEqual(
      events.filter(({ event }) => event === "policy_rejected"),
      Array(3).fill({ event: "policy_rejected", document: "policy", etag: "etag-2", problems }),
      "at 50 s, 350 s and 650 s",
    );
    source.put(two);
    assert.equal(await at(700), two);
  });

  test("a broken policy is evaluated again every five minutes and not at each read, and stays rejected in between", async () => {
    const { at, source, current } = setUp();
    await at(0);
    source.put(problems);
    for (let second = 50; second <= 650; second += 50) await at(second);
    const sent = source.calls.slice(1);
    assert.equal(sent.length, 13);
    assert.equal(sent.filter((etag) => etag === "etag-1").length, 3, "at 50 s, 350 s and 650 s");
    assert.ok(sent.every((etag) => etag === "etag-1" || etag === "etag-2"));
    assert.equal(current.rejectedProblems(), problems.length);
  });

  test("another broken policy is reported at once", async () => {
    const { at, source, events } = setUp();
    await at(0);
    source.put(problems);
    await at(50);
    source.put(problems);
    await at(100);
    const etags = events.flatMap((event) => (event.event === "policy_rejected" ? [event.etag] : []));
    assert.deepEqual(etags, ["etag-2", "etag-3"]);
  });

  test("an hour of rejected reads stops everything, and a repaired policy starts it again", async () => {
    const { at, source } = setUp();
    await at(0);
    source.put(problems);
    for (let second = 50; second < 3600; second += 50) assert.equal(await at(second), one);
    // Read a moment ago, and still not valid.
    assert.equal(await at(3599), one);
    await assert.rejects(at(3600), unavailable);
    source.put(two);
    assert.equal(await at(3605), two);
  });

  test("the policy from before the broken one is in force again when it is restored", async () => {
    const { at, source, current, applied } = setUp();
    await at(0);
    source.put(problems);
    await at(50);
    assert.equal(current.rejectedProblems(), 1);
    source.read = async () => ({ changed: true, etag: "etag-1", value: one });
    await at(100);
    assert.equal(current.rejectedProblems(), 0);
    source.read = async () => ({ changed: false });
    for (let second = 150; second < 3690; second += 50) await at(second);
    assert.equal(await at(3690), one);
    assert.deepEqual(applied, [one]);
  });

  test("with a broken first policy nothing is issued, its problems are counted, and a repaired one is in force 5 s later", async () => {
    const { at, current, source, events } = setUp(problems);
    await current.load(startMs);
    assert.deepEqual(events, [{ event: "policy_rejected", document: "policy", etag: "etag-1", problems }]);
    assert.equal(current.rejectedProblems(), problems.length);
    source.put(one);
    await assert.rejects(at(4), unavailable);
    assert.equal(await at(5), one);
    assert.equal(current.rejectedProblems(), 0);
  });

  test("a policy that cannot be read at the start does not stop the start, and is read again", async () => {
    const { at, current, source, events } = setUp();
    source.failure = Object.assign(new Error("https://account.blob.core.windows.net/x"), { name: "RestError" });
    await current.load(startMs);
    await assert.rejects(at(1), unavailable);
    assert.deepEqual(events, [
      { event: "policy_not_readable", document: "policy", ageSeconds: undefined, because: "RestError" },
    ]);
    source.failure = undefined;
    assert.equal(await at(5), one);
  });

  test("a policy that cannot be read is reported with its age in seconds, and never with the text of the error", async () => {
    const { at, source, events } = setUp();
    await at(0);
    source.failure = Object.assign(new Error("https://account/x?sig=secret"), { name: "RestError" });
    await at(50);
    source.read = async () => {
      throw "https://account/x?sig=secret";
    };
    await at(90);
    await at(3_000);
    await nextTurn();
    const failed = { event: "policy_not_readable", document: "policy" };
    assert.deepEqual(events.slice(1), [
      { ...failed, ageSeconds: 50, because: "RestError" },
      { ...failed, ageSeconds: 90, because: "unknown" },
      { ...failed, ageSeconds: 3_000, because: "unknown" },
    ]);
  });

  test("storage that is down delays no request and is asked at most every 5 s", async () => {
    const { at, source } = setUp();
    await at(0);
    source.failure = new Error("down");
    await at(50);
    let open: () => void = () => undefined;
    source.gate = new Promise((resolve) => {
      open = resolve;
    });
    const before = source.calls.length;
    for (let second = 51; second < 71; second += 1) assert.equal(await at(second), one);
    assert.equal(source.calls.length, before + 1, "the one that hangs");
    open();
    await nextTurn();
    source.gate = undefined;
    const from = source.calls.length;
    for (let second = 71; second < 91; second += 1) {
      assert.equal(await at(second), one);
      await nextTurn();
    }
    assert.ok(source.calls.length - from <= 4, `${source.calls.length - from} tries in 20 s`);
  });

  test("storage that was down is waited for again after ten seconds, and not before", async () => {
    for (const [second, expected] of [
      [69, one],
      [70, two],
    ] as const) {
      const { at, source } = setUp();
      await at(0);
      source.failure = new Error("down");
      await at(60);
      source.failure = undefined;
      source.put(two);
      assert.equal(await at(second), expected);
    }
  });

  test("after an hour without a read nothing is issued, until the policy can be read again", async () => {
    const { at, source, names } = setUp();
    await at(0);
    source.failure = new Error("down");
    for (let second = 40; second < 3600; second += 40) assert.equal(await at(second), one);
    await assert.rejects(at(3600), unavailable);
    await assert.rejects(at(3601), unavailable);
    assert.ok(names().includes("policy_not_readable"));
    source.failure = undefined;
    await at(3650).catch(() => undefined);
    assert.equal(await at(3651), one);
  });

  test("one failed read does not delay a suspension beyond 60 s", async () => {
    const { at, source } = setUp();
    await at(0);
    source.failure = new Error("a blip");
    await at(30);
    await nextTurn();
    source.failure = undefined;
    source.put(two);
    assert.equal(await at(79), two, "storage answers again: the request waits for it");
  });

  test("counts the problems of both documents", async () => {
    const { current, source, suspensions } = setUp(problems);
    suspensions.put([...problems, ...problems]);
    await current.load(startMs);
    assert.equal(current.rejectedProblems(), 3);
    source.put(one);
    await current.load(startMs + 300_000);
    assert.equal(current.rejectedProblems(), 2);
  });

  test("reports its age for the readiness probe", async () => {
    const { at, current } = setUp();
    assert.equal(current.ageMs(startMs), undefined);
    await at(0);
    assert.equal(current.ageMs(startMs + 12_000), 12_000);
  });

  test("a clock that is set back by an hour delays no suspension: the next request waits for a new read", async () => {
    const { at, source } = setUp();
    await at(0);
    source.put(two);
    assert.equal(await at(-3_600), two);
  });

  test("an instance that was frozen does not answer from the old policy", async () => {
    const { at, source } = setUp();
    await at(0);
    source.put(two);
    assert.equal(await at(86_400), two);
  });
});

const contosoSuspended = suspended(
  ["tenant", ids.contosoId],
  ["caller", ids.billingObjectId],
  ["client", ids.clientId],
);
const isActive = (policy: AccessPolicy) => [
  policy.tenants.get(ids.contosoId)?.isActive,
  policy.callers.get(ids.billingObjectId)?.isActive,
  policy.clients.get(ids.clientId)?.isActive,
];

describe("suspensions beside the policy", () => {
  for (const [kind, id, expected] of [
    ["tenant", ids.contosoId, [false, true, true]],
    ["caller", ids.billingObjectId, [true, false, true]],
    ["client", ids.clientId, [true, true, false]],
  ] as const) {
    test(`of one ${kind} alone are in force, and suspend nothing else`, async () => {
      const { at, suspensions } = setUp();
      suspensions.put(suspended([kind, id]));
      assert.deepEqual(isActive(await at(0)), expected);
    });
  }

  const ways: [what: string, broken: (world: ReturnType<typeof setUp>) => void][] = [
    ["valid", () => {}],
    ["rejected", ({ source }) => source.put(problems)],
    [
      "not readable",
      ({ source }) => {
        source.failure = new Error("gone");
      },
    ],
  ];
  for (const [what, broken] of ways) {
    test(`are in force within 60 s while the policy is ${what}, and end as quickly`, async () => {
      const world = setUp();
      const { at, suspensions, applied, events } = world;
      await at(0);
      broken(world);
      await at(50);
      suspensions.put(contosoSuspended);
      await at(100);
      await nextTurn();
      const policy = await at(101);
      assert.deepEqual(isActive(policy), [false, false, false]);
      assert.equal(policy.tenants.get(ids.fabrikamId)?.isActive, true);
      assert.deepEqual(applied, [one, policy], "caches are purged with it");
      const counts = { tenants: 1, callers: 1, clients: 1 };
      assert.deepEqual(
        events.filter(({ event }) => event === "suspensions_applied"),
        [{ event: "suspensions_applied", etag: "suspensions-2", ...counts }],
      );
      suspensions.put(suspended());
      await at(150);
      await nextTurn();
      assert.deepEqual(isActive(await at(151)), [true, true, true]);
      assert.equal(events.filter(({ event }) => event === "suspensions_applied").length, 2);
    });
  }

  test("apply under every later policy, and what the policy itself suspends stays suspended without them", async () => {
    const { at, suspensions, source } = setUp();
    suspensions.put(contosoSuspended);
    await at(0);
    source.put(two);
    assert.deepEqual(isActive(await at(50)), [false, false, false]);
    suspensions.put(suspended());
    const policy = await at(100);
    assert.equal(policy, two);
    assert.equal(policy.tenants.get(ids.suspendedTenantId)?.isActive, false);
  });

  test("of one kind alone are reported too, and none at the start are not", async () => {
    for (const [kind, id] of [
      ["tenant", ids.contosoId],
      ["caller", ids.billingObjectId],
      ["client", ids.clientId],
    ] as const) {
      const { at, suspensions, names } = setUp();
      await at(0);
      assert.deepEqual(names(), ["policy_applied"]);
      suspensions.put(suspended([kind, id]));
      await at(50);
      assert.deepEqual(names(), ["policy_applied", "suspensions_applied"], kind);
    }
  });

  test("of ids that the policy does not have suspend nothing, until the policy has the ids", async () => {
    const { at, suspensions } = setUp();
    suspensions.put(suspended(["tenant", ids.unknownTenantId]));
    assert.equal((await at(0)).tenants.has(ids.unknownTenantId), false);
  });

  for (const [what, fail] of [
    [
      "cannot be read",
      ({ suspensions }) => {
        suspensions.failure = new Error("down");
      },
    ],
    ["are malformed", ({ suspensions }) => suspensions.put(problems)],
  ] as [string, (world: ReturnType<typeof setUp>) => void][]) {
    test(`that ${what} leave the last ones in force for an hour, then nothing is issued`, async () => {
      const world = setUp();
      const { at, suspensions, events } = world;
      suspensions.put(contosoSuspended);
      await at(0);
      fail(world);
      for (let second = 45; second < 3600; second += 45) {
        assert.deepEqual(isActive(await at(second)), [false, false, false]);
        await nextTurn();
      }
      await assert.rejects(at(3600), unavailable);
      assert.ok(events.some((event) => "document" in event && event.document === "suspensions"));
      suspensions.failure = undefined;
      suspensions.put(suspended());
      await at(3620).catch(() => undefined);
      assert.deepEqual(isActive(await at(3621)), [true, true, true]);
    });

    test(`that ${what} at the start prevent issuing, because one may be among them`, async () => {
      const world = setUp();
      fail(world);
      await assert.rejects(world.at(0), unavailable);
      world.suspensions.failure = undefined;
      world.suspensions.put(suspended());
      assert.equal(await world.at(5), one);
    });
  }

  test("are applied even if reading the policy hangs", async () => {
    const { at, suspensions, source, current } = setUp();
    await at(0);
    source.gate = new Promise(() => {});
    suspensions.put(contosoSuspended);
    assert.deepEqual(isActive(await at(30)), [true, true, true]);
    await nextTurn();
    assert.deepEqual(isActive(await at(31)), [false, false, false]);
    assert.equal(current.rejectedProblems(), 0);
  });
});
