/** When an instance begins to get ready what its first token needs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { app, PreInvocationHandler } from "@azure/functions";
import { compose } from "../../src/composition.ts";
import { readConfig } from "../../src/config.ts";
import { register } from "../../src/functions.ts";
import { validEnv } from "../support/fixtures/settings.ts";

const composed = compose(readConfig(validEnv()));

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

test("the instance warms up by itself in the turn after the load, once", async () => {
  const { invoke, warmUps } = registered();
  assert.equal(warmUps(), 0, "the load itself sends nothing");
  await new Promise(setImmediate);
  assert.equal(warmUps(), 1);
  invoke("token");
  await new Promise(setImmediate);
  assert.equal(warmUps(), 1);
});
