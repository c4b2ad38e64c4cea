/** When an instance begins to get ready what its first token needs. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import type { app, PreInvocationHandler } from "@azure/functions";
import { compose } from "../../src/composition.ts";
import { readConfig } from "../../src/config.ts";
import { register } from "../../src/functions.ts";
import { validEnv } from "../support/fixtures/settings.ts";

const composed = compose(readConfig(validEnv()));

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/** A host on which the app is registered: how often it was warmed up, and a way to invoke a function. */
function registered() {
  let warmUps = 0;
  let hook: PreInvocationHandler | undefined;
  const host = {
    setup() {},
    http() {},
    timer() {},
    hook: {
      preInvocation(handler: PreInvocationHandler) {
        hook = handler;
      },
      appTerminate() {},
    },
  };
  const warmUp = async () => {
    warmUps += 1;
  };
  register(host as unknown as typeof app, { ...composed, warmUp });
  const invoke = (functionName: string) => {
    const context = { invocationContext: { functionName, invocationId: "1" }, functionHandler: () => {} };
    void hook?.(context as unknown as Parameters<PreInvocationHandler>[0]);
  };
  return { invoke, warmUps: () => warmUps };
}

test("a load does not warm up, and 100 ms later the instance does so by itself", () => {
  const { warmUps } = registered();
  mock.timers.tick(99);
  assert.equal(warmUps(), 0);
  mock.timers.tick(1);
  assert.equal(warmUps(), 1);
});

test("the first request warms up, and no later one or the time does so again", () => {
  const { invoke, warmUps } = registered();
  invoke("token");
  assert.equal(warmUps(), 1);
  invoke("token");
  mock.timers.tick(1_000);
  assert.equal(warmUps(), 1);
});

test("a request whether the process lives is answered without a warm-up", () => {
  const { invoke, warmUps } = registered();
  invoke("health-live");
  assert.equal(warmUps(), 0);
});
