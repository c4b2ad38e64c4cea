/**
 * An attacker without a token can still make up a `kid`: what that may cost an instance, and what genuine callers
 * notice.
 */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createKeyLookUp, type LookUpKey } from "../../../../src/domain/metadata/key-look-up.ts";
import { startMs } from "../../../support/fakes/clock.ts";

const minutesMs = 60_000;

/** A provider that answers when a test lets it, and time limits that end when a test says so. */
class Provider {
  readonly published = new Set<string>();
  readonly known = new Set<string>();
  readonly limits: { withinMs: number; end: () => void }[] = [];
  asked = 0;
  hasKeys = true;
  isConfirmed = true;
  #running: PromiseWithResolvers<void> | undefined;
  readonly lookUp: LookUpKey;

  constructor() {
    this.lookUp = createKeyLookUp({
      hasKeys: () => this.hasKeys,
      isKnown: (kid) => this.known.has(kid),
      asking: Object.assign(() => this.ask(), { isRunning: () => this.#running !== undefined }),
      isConfirmed: () => this.isConfirmed,
      startDeadline: (withinMs) => {
        const controller = new AbortController();
        this.limits.push({ withinMs, end: () => controller.abort() });
        return { atMs: startMs + withinMs, signal: controller.signal };
      },
    });
  }

  ask(): Promise<void> {
    if (!this.#running) this.asked++;
    this.#running ??= Promise.withResolvers();
    return this.#running.promise;
  }

  async answer(): Promise<void> {
    await turn();
    for (const kid of this.published) this.known.add(kid);
    const running = this.#running;
    this.#running = undefined;
    running?.resolve();
    await turn();
  }
}

/** How a request stands that may still wait. */
async function stateOf(request: Promise<boolean>): Promise<"waiting" | "looked up" | "not looked up"> {
  const looked = request.then((isLookedUp) => (isLookedUp ? ("looked up" as const) : ("not looked up" as const)));
  return Promise.race([looked, turn().then(() => "waiting" as const)]);
}

let provider: Provider;
beforeEach(() => {
  provider = new Provider();
});

describe("a flood of made-up kids", () => {
  const flood = (count: number, nowMs = startMs) =>
    Array.from({ length: count }, (_, index) => provider.lookUp(`made-up-${index}`, nowMs));

  test("causes one look-up, for which twenty wait; the rest are answered at once without a look-up", async () => {
    const requests = flood(500);
    const states = await Promise.all(requests.map(stateOf));
    assert.equal(states.filter((state) => state === "waiting").length, 20);
    assert.ok(states.slice(20).every((state) => state === "not looked up"));
    await provider.answer();
    await Promise.all(requests);
    assert.equal(provider.asked, 1);
  });

  test("does not turn genuine callers away from an instance that has just started and knows no keys", async () => {
    provider.hasKeys = false;
    provider.published.add("genuine");
    const requests = Array.from({ length: 50 }, () => provider.lookUp("genuine", startMs));
    assert.ok((await Promise.all(requests.map(stateOf))).every((state) => state === "waiting"));
    await provider.answer();
    await Promise.all(requests);
    assert.equal(provider.asked, 1);
  });

  test("leaves twenty free places again once the look-up has ended, even if it failed", async () => {
    for (const isConfirmed of [true, false]) {
      provider.isConfirmed = isConfirmed;
      const requests = flood(30, startMs + (isConfirmed ? 0 : 5 * minutesMs));
      await provider.answer();
      await Promise.all(requests);
    }
    const states = await Promise.all(flood(30, startMs + 10 * minutesMs).map(stateOf));
    assert.equal(states.filter((state) => state === "waiting").length, 20);
  });

  test("waits at most two seconds for a provider that hangs, and then counts as not looked up", async () => {
    const requests = flood(20);
    assert.deepEqual([...new Set(provider.limits.map(({ withinMs }) => withinMs))], [2_000]);
    for (const { end } of provider.limits) end();
    assert.deepEqual(new Set(await Promise.all(requests)), new Set([false]));
    assert.equal(await stateOf(provider.lookUp("next", startMs)), "waiting", "there is room again");
  });

  test("does not wait at all if no look-up is running and none may be started", async () => {
    const first = provider.lookUp("first", startMs);
    await provider.answer();
    await first;
    const states = await Promise.all(flood(500, startMs + 5 * minutesMs - 1).map(stateOf));
    assert.deepEqual(new Set(states), new Set(["not looked up"]));
    assert.equal(provider.asked, 1);
  });

  test("does not lock out a genuine caller with a new key forever: the next look-up finds the key for all", async () => {
    const requests = flood(40);
    await provider.answer();
    await Promise.all(requests);
    provider.published.add("genuine");
    assert.equal(
      await provider.lookUp("genuine", startMs + 1_000),
      false,
      "is told to try again, not that it is wrong",
    );
    const [again] = flood(1, startMs + 5 * minutesMs);
    await provider.answer();
    await again;
    assert.ok(provider.known.has("genuine"));
  });
});

describe("a kid", () => {
  test("that was looked up and is unknown is reported as such for five minutes, without another look-up", async () => {
    const first = provider.lookUp("other", startMs);
    await provider.answer();
    assert.equal(await first, true);
    assert.equal(await stateOf(provider.lookUp("other", startMs + 5 * minutesMs - 1)), "looked up");
    assert.equal(await stateOf(provider.lookUp("other", startMs + 5 * minutesMs)), "waiting");
    assert.equal(provider.asked, 2);
  });

  test("that was unknown five minutes ago is not reported as unknown while the provider is asked again", async () => {
    const first = provider.lookUp("other", startMs);
    await provider.answer();
    await first;
    provider.published.add("other");
    void provider.lookUp("another", startMs + 5 * minutesMs);
    assert.equal(await stateOf(provider.lookUp("other", startMs + 5 * minutesMs)), "waiting");
    await provider.answer();
    assert.ok(provider.known.has("other"));
  });

  test("that was looked up is answered at once, even while another request has the provider asked", async () => {
    const first = provider.lookUp("other", startMs);
    await provider.answer();
    await first;
    void provider.ask();
    assert.equal(await stateOf(provider.lookUp("other", startMs)), "looked up");
  });

  test("that may not be looked up yet takes no place among the waiting requests", async () => {
    const first = provider.lookUp("first", startMs);
    await provider.answer();
    await first;
    await provider.lookUp("other", startMs);
    assert.equal(provider.limits.length, 1);
  });

  test("that arrived during another look-up was not looked up itself", async () => {
    const first = provider.lookUp("first", startMs);
    const late = provider.lookUp("late", startMs);
    const lateToo = provider.lookUp("first", startMs);
    await provider.answer();
    assert.deepEqual(await Promise.all([first, late, lateToo]), [true, false, true]);
  });

  test("is not looked up by an answer that was not accepted, and may be looked up again after half a minute", async () => {
    provider.isConfirmed = false;
    const first = provider.lookUp("other", startMs);
    await provider.answer();
    assert.equal(await first, false);
    assert.equal(await stateOf(provider.lookUp("other", startMs + 29_999)), "not looked up");
    assert.equal(await stateOf(provider.lookUp("other", startMs + 30_000)), "waiting");
  });

  test("that waited for an earlier refresh is then looked up together with all who wait", async () => {
    void provider.ask();
    const [one, two] = [provider.lookUp("one", startMs), provider.lookUp("two", startMs)];
    assert.equal(provider.asked, 1);
    await provider.answer();
    assert.deepEqual([await stateOf(one), await stateOf(two)], ["waiting", "waiting"]);
    await provider.answer();
    assert.deepEqual(await Promise.all([one, two]), [true, true]);
    assert.equal(provider.asked, 2);
  });

  test("that such a refresh finds costs no look-up, so the next unknown one can have it", async () => {
    void provider.ask();
    provider.published.add("new");
    const found = provider.lookUp("new", startMs);
    await provider.answer();
    await found;
    assert.equal(provider.asked, 1);
    assert.equal(await stateOf(provider.lookUp("other", startMs + 1)), "waiting");
  });

  test("whose request ended before the answer is looked up all the same", async () => {
    const first = provider.lookUp("other", startMs);
    provider.limits[0]?.end();
    assert.equal(await first, false);
    await provider.answer();
    assert.equal(await provider.lookUp("other", startMs + 1_000), true);
  });
});
