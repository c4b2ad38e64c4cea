/**
 * The token of a managed identity that is used as our assertion: its audience, the time limit for it, and its
 * replacement.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Identity } from "../../../../src/adapters/azure/identity.ts";
import { createFederatedIdentity } from "../../../../src/adapters/entra/federated-identity.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import * as ids from "../../../support/fixtures/ids.ts";

type GetToken = Identity["getToken"];

/** Identities whose tokens come from `getToken`; each is named as often as it was made. */
function createIdentities(getToken: GetToken = async () => ({ token: "token", expiresOnTimestamp: 0 })) {
  const made: string[] = [];
  const replaced: string[] = [];
  const federated = createFederatedIdentity(clouds.china, (clientId) => {
    made.push(clientId);
    return {
      getToken,
      newest: (token) => token,
      async replace(token) {
        replaced.push(token);
        return token === "refused" ? "another" : undefined;
      },
    };
  });
  return { federated, made, replaced };
}

const signal = () => new AbortController().signal;

async function faultOf(asking: Promise<unknown>): Promise<Fault> {
  const error = await asking.then(
    () => assert.fail("there is a token"),
    (thrown) => thrown,
  );
  assert.ok(error instanceof Fault);
  return error;
}

test("the token is for the exchange in this cloud, and each identity is kept, so that the SDK caches its tokens", async () => {
  const scopes: unknown[] = [];
  const { federated, made } = createIdentities(async (scope) => {
    scopes.push(scope);
    return { token: "token", expiresOnTimestamp: 0 };
  });
  for (const id of [ids.clientId, ids.clientId, ids.audience]) {
    assert.equal(await federated.getAssertion(id, signal()), "token");
  }
  assert.deepEqual(new Set(scopes), new Set(["api://AzureADTokenExchangeChina/.default"]));
  assert.deepEqual(made, [ids.clientId, ids.audience]);
});

test("an identity that returns no token is a fault with only the class of the error", async () => {
  const { federated } = createIdentities(async () => {
    throw Object.assign(new Error("secret"), { name: "CredentialUnavailableError" });
  });
  const fault = await faultOf(federated.getAssertion(ids.clientId, signal()));
  assert.deepEqual([fault.code, fault.detail], ["identity_unavailable", { because: "CredentialUnavailableError" }]);
});

test("an identity that hangs is abandoned after 5 s, whether or not it obeys the abort signal", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let given: AbortSignal | undefined;
  const { federated } = createIdentities((_, options) => {
    given = options?.abortSignal as AbortSignal;
    return new Promise(() => {});
  });
  let fault: Fault | undefined;
  void faultOf(federated.getAssertion(ids.clientId, signal())).then((late) => {
    fault = late;
  });
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    for (let i = 0; i < 5; i++) await nextTurn();
  };
  await pass(4_999);
  assert.deepEqual([fault, given?.aborted], [undefined, false]);
  await pass(1);
  assert.deepEqual(fault?.detail, { because: "DeadlineExceeded" });
  assert.ok(given?.aborted);
});

test("a request to an identity stops when the caller's request has ended", async () => {
  const { federated } = createIdentities(
    (_, options) =>
      new Promise((_, reject) => {
        options?.abortSignal?.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
      }),
  );
  const end = new AbortController();
  const asking = faultOf(federated.getAssertion(ids.clientId, end.signal));
  end.abort();
  assert.deepEqual((await asking).detail, { because: "AbortError 20" });
});

test("a refused token is replaced if its identity has another; for an identity that was never used nothing is requested", async () => {
  const { federated, made, replaced } = createIdentities();
  assert.equal(await federated.replace(ids.clientId, "refused"), false);
  assert.deepEqual([made, replaced], [[], []]);
  await federated.getAssertion(ids.clientId, signal());
  assert.equal(await federated.replace(ids.clientId, "refused"), true);
  assert.equal(await federated.replace(ids.clientId, "the only one"), false);
  assert.deepEqual(replaced, ["refused", "the only one"]);
});
