import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { TokenCredential } from "@azure/identity";
import { createDelivery } from "../../../../src/adapters/telemetry/delivery.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

type Delivery = ReturnType<typeof createDelivery>;
type Policy = Delivery["exporterOptions"]["additionalPolicies"][number]["policy"];
type Request = Parameters<Policy["sendRequest"]>[0];
type Send = Parameters<Policy["sendRequest"]>[1];
type Answer = Awaited<ReturnType<Policy["sendRequest"]>>;
type Attempt = (body: string, attempt: number) => Promise<{ status: number; errors?: object[] } | undefined>;

const retryDelaysMs = [1_000, 5_000, 20_000, 60_000, 120_000, 120_000];
const hang = () => new Promise<never>(() => {});

/** A request of three events and a metric, and what becomes of each attempt to send it. */
function deliver(attempt: Attempt, retries: readonly number[] = retryDelaysMs) {
  const lost: number[] = [];
  const bodies: string[] = [];
  const delivery = createDelivery({ retryDelaysMs: retries, attemptWithinMs: 30_000, drainWithinMs: 3_000 }, (count) =>
    lost.push(count),
  );
  const items = ["EventData", "EventData", "EventData", "MetricData"].map((baseType, id) => ({
    id,
    data: { baseType },
  }));
  const request = { body: JSON.stringify(items), headers: new Map() } as unknown as Request;
  const { policy } = delivery.exporterOptions.additionalPolicies[0] ?? assert.fail();
  const send: Send = async ({ body }) => {
    bodies.push(String(body));
    const answer = await attempt(String(body), bodies.length);
    if (answer === undefined) throw new Error("https://ingestion.test/ refused eyJhbGciOi");
    return { request, ...answer, bodyAsText: JSON.stringify({ errors: answer.errors }) } as unknown as Answer;
  };
  const delivered = policy.sendRequest(request, send);
  delivered.catch(() => {});
  const sumLost = () => lost.reduce((sum, count) => sum + count, 0);
  const again = () => policy.sendRequest(request, send);
  return { delivery, delivered, request, bodies, sumLost, again };
}

const idsIn = (body = "[]") => (JSON.parse(body) as { id: number }[]).map(({ id }) => id);

/** Lets the time pass, and what it causes happen. */
async function pass(ms: number): Promise<void> {
  await nextTurn();
  mock.timers.tick(ms);
  await nextTurn();
}

test("an accepted request is not kept until its attempt would have been cut", async () => {
  const send = async () => {
    const { delivered, request } = deliver(async () => ({ status: 200 }));
    await delivered;
    return new WeakRef(request);
  };
  const request = await send();
  // What a WeakRef was made of lives to the end of its turn.
  await nextTurn();
  collectGarbage();
  assert.equal(request.deref(), undefined);
});

describe("in virtual time", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
  afterEach(() => mock.timers.reset());

  const troubles: [string, Attempt][] = [
    ["answers 503", async () => ({ status: 503 })],
    ["throttles with 429", async () => ({ status: 429 })],
    ["knows the identity not yet (403)", async () => ({ status: 403 })],
    ["refuses with 400", async () => ({ status: 400 })],
    ["cannot be reached", async () => undefined],
  ];
  for (const [what, trouble] of troubles) {
    test(`while Application Insights ${what} for five minutes, a request is sent again and then accepted`, async () => {
      const { delivered, bodies, sumLost } = deliver((body, n) =>
        n <= 6 ? trouble(body, n) : Promise.resolve({ status: 200 }),
      );
      for (const delayMs of retryDelaysMs) await pass(delayMs);
      assert.equal((await delivered).status, 200);
      assert.deepEqual([bodies.length, sumLost()], [7, 0]);
    });
  }

  test("after six minutes its events count as lost, and the exporter gets an error after which it keeps them on disk", async () => {
    const { delivered, sumLost } = deliver(async () => undefined);
    for (const delayMs of retryDelaysMs) await pass(delayMs);
    await assert.rejects(
      delivered,
      (error: Error) => error.name === "AbortError" && !/ingestion|eyJ/.test(error.message),
    );
    assert.equal(sumLost(), 3);
  });

  test("an attempt that hangs is cut after half a minute, at whatever step", async () => {
    const { delivered, bodies } = deliver((_, n) => (n === 1 ? hang() : Promise.resolve({ status: 200 })));
    await pass(29_999);
    assert.equal(bodies.length, 1);
    await pass(1);
    await pass(1_000);
    assert.equal((await delivered).status, 200);
  });

  test("a batch that the exporter sends again from its disk and that is refused again is counted once", async () => {
    const first = deliver(async () => ({ status: 503 }), []);
    assert.equal((await first.delivered).status, 503);
    assert.equal((await first.again()).status, 503);
    assert.equal(first.sumLost(), 3);
  });

  test("a redirect is left to the exporter, and loses nothing", async () => {
    const { delivered, sumLost } = deliver(async () => ({ status: 308 }));
    assert.equal((await delivered).status, 308);
    assert.equal(sumLost(), 0);
  });

  test("of a partly accepted request, only the part that may be accepted later is sent again", async () => {
    const { delivered, bodies, sumLost } = deliver(async (_, n) =>
      n > 1
        ? { status: 200 }
        : {
            status: 206,
            errors: [
              { index: 1, statusCode: 503 },
              { index: 2, statusCode: 400 },
            ],
          },
    );
    await pass(1_000);
    assert.equal((await delivered).status, 200);
    assert.deepEqual(bodies.map(idsIn), [[0, 1, 2, 3], [1]]);
    assert.equal(sumLost(), 1, "the one that was refused for good");
  });

  test("the rest of such a request is reported to the exporter by its position in the original request", async () => {
    const answers = [
      { status: 206, errors: [1, 2].map((index) => ({ index, statusCode: 429 })) },
      { status: 206, errors: [{ index: 1, statusCode: 429 }] },
    ];
    const { delivered, bodies } = deliver(async (_, n) => answers[n - 1], [1_000, 1_000]);
    await pass(1_000);
    await pass(1_000);
    const { status, bodyAsText } = await delivered;
    assert.deepEqual(bodies.map(idsIn), [[0, 1, 2, 3], [1, 2], [2]]);
    assert.equal(status, 206);
    assert.deepEqual(JSON.parse(bodyAsText ?? ""), { errors: [{ index: 2, statusCode: 503, message: "not taken" }] });
  });

  test("an identity that hangs or fails is asked again when a request is sent again, and then the exporter uses its disk", async () => {
    const { delivery } = deliver(async () => ({ status: 200 }));
    const token = { token: "t", expiresOnTimestamp: 1 };
    const answers: (() => Promise<typeof token | null>)[] = [hang, async () => null, async () => token];
    let asked = 0;
    const identity = { getToken: () => answers[asked++]?.() ?? Promise.reject(new Error("AADSTS")) };
    const got = delivery.credentialOf(identity as TokenCredential).getToken("scope");
    await pass(30_000);
    await pass(1_000);
    await pass(5_000);
    assert.deepEqual([await got, asked], [token, 3]);
    const never = delivery.credentialOf(identity as TokenCredential).getToken("scope");
    never.catch(() => {});
    for (const delayMs of retryDelaysMs) await pass(delayMs);
    await assert.rejects(never, (error: Error) => error.name === "AbortError" && !/AADSTS/.test(error.message));
  });

  test("before the process ends, an attempt that hangs is cut after a second and the next one follows soon", async () => {
    const { delivery, delivered, bodies } = deliver((_, n) => (n < 3 ? hang() : Promise.resolve({ status: 200 })));
    await pass(10);
    delivery.drain();
    await pass(999);
    assert.equal(bodies.length, 1);
    await pass(1);
    await pass(200);
    assert.equal(bodies.length, 2, "the attempt that was under way had a second more");
    await pass(1_000);
    await pass(200);
    assert.equal((await delivered).status, 200, "within 2.4 s");
  });

  test("before the process ends, a request does not wait any longer for its next attempt", async () => {
    const { delivery, delivered } = deliver(async (_, n) => ({ status: n < 12 ? 503 : 200 }));
    await pass(1_000);
    await pass(5_000);
    await pass(10);
    delivery.drain();
    for (let ms = 0; ms < 2_000; ms += 200) await pass(200);
    assert.equal((await delivered).status, 200, "as often as there is time");
  });

  test("three seconds after that, the exporter gets what was not accepted, and has half a second to write it to disk", async () => {
    const { delivery, delivered } = deliver(hang);
    delivery.drain();
    for (let ms = 0; ms < 3_000; ms += 100) await pass(100);
    await assert.rejects(delivered, { name: "AbortError" });
  });
});
