import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { liveHandler, notConfiguredHandler, readyHandler } from "../../../src/http/health-handlers.ts";
import { answerOf, formRequest } from "../../support/fixtures/http.ts";
import { createWorld } from "../../support/fixtures/world.ts";

function readiness(hasKeys: boolean, hasPolicy: boolean, unpublished = 0) {
  const world = createWorld();
  if (!hasPolicy) world.policySource.failure = new Error("storage is down");
  const callerKeys = { isReady: async () => hasKeys };
  const { currentPolicy } = world.context;
  return {
    world,
    handler: readyHandler({ callerKeys, currentPolicy, unpublished: () => unpublished, clock: world.clock.now }),
  };
}

test("live answers while the process runs", async () => {
  const { status, headers, body } = await answerOf(liveHandler(), formRequest());
  assert.deepEqual([status, headers["cache-control"], body], [200, "no-store", { status: "live" }]);
});

describe("ready", () => {
  const word = (isThere: boolean) => (isThere ? "ok" : "missing");
  for (const hasKeys of [true, false]) {
    for (const hasPolicy of [true, false]) {
      test(`with keys ${word(hasKeys)} and policy ${word(hasPolicy)}`, async () => {
        const { handler } = readiness(hasKeys, hasPolicy);
        const { status, headers, body } = await answerOf(handler, formRequest());
        const isReady = hasKeys && hasPolicy;
        assert.equal(status, isReady ? 200 : 503);
        assert.equal(headers["cache-control"], "no-store");
        assert.equal(headers["retry-after"], isReady ? undefined : "1");
        const checks = { caller_keys: word(hasKeys), policy: word(hasPolicy) };
        assert.deepEqual(body, { status: isReady ? "ready" : "not ready", checks });
      });
    }
  }

  test("stays 200 with a metadata source that is not published, and warns of it without naming it", async () => {
    const { status, body } = await answerOf(readiness(true, true, 2).handler, formRequest());
    assert.deepEqual([status, body.status, body.warnings], [200, "ready", { metadata_not_published: 2 }]);
  });

  test("warns of one metadata source that is not published, and counts one problem of a rejected policy", async () => {
    const { handler, world } = readiness(true, true, 1);
    world.policySource.put([{ path: "grants[0]", rule: "x" }]);
    const { body } = await answerOf(handler, formRequest());
    assert.deepEqual([body.problems, body.warnings], [1, { metadata_not_published: 1 }]);
  });

  test("while vault, Entra's token endpoint and the ledger are down, because cached tokens need none of them", async () => {
    const { handler, world } = readiness(true, true);
    world.ledger.isDown = true;
    world.signer.failure = new Error("down");
    world.tokenEndpoint.always = new Error("down");
    assert.equal((await answerOf(handler, formRequest())).status, 200);
    assert.deepEqual(world.journal, []);
  });
});

describe("if the settings are not valid, every route", () => {
  for (const [problems, text] of [
    [1, "1 problem"],
    [2, "2 problems"],
  ] as const) {
    test(`answers 503 with their number: ${text}`, async () => {
      const { status, headers, body } = await answerOf(notConfiguredHandler(problems), formRequest());
      assert.deepEqual([status, headers["retry-after"], headers["cache-control"]], [503, "1", "no-store"]);
      assert.deepEqual(body, {
        status: "not ready",
        error: "temporarily_unavailable",
        error_description: `Keyhold: not configured, ${text}. Its operators find them in the log`,
        problems,
      });
    });
  }
});
