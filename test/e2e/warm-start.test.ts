/** Before its first request an instance loads what a token needs, and signs nothing. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { FunctionsInstance } from "../../local/stack/functions-instance.ts";
import { freePorts } from "../../local/stack/ports.ts";
import * as world from "../../local/stack/world.ts";
import { askToken, countOperations, testStack } from "../support/test-stack.ts";

const stack = await testStack({ startFunctions: false, sharedCache: true });
const { contoso } = world.tenants;

async function start(): Promise<FunctionsInstance> {
  const instance = await stack.addInstance(await freePorts());
  after(() => instance.stop());
  return instance;
}

const until = async (holds: () => boolean | Promise<boolean>) => {
  for (let i = 0; i < 300 && !(await holds()); i++) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(await holds());
};
const isReady = ({ httpUrl }: FunctionsInstance) => fetch(`${httpUrl}/health/ready`).then(({ ok }) => ok);

test("an instance without any request is ready, and its first token needs no identity and no metadata", async () => {
  const instance = await start();
  await until(() => countOperations(stack, "KeyUnwrap") > 0);
  await until(() => isReady(instance));
  const given = () => [...stack.entra.identityTokens.keys()];
  const needed = [world.identities.signing, world.identities.storage].map(({ clientId }) => clientId);
  await until(() => needed.every((clientId) => given().some((place) => place.startsWith(clientId))));
  assert.equal(countOperations(stack, "KeySign"), 0);
  const callerToken = await stack.callerToken("billing");
  for (const operation of ["managedIdentity", "discovery", "keys"]) {
    stack.entra.behaviour.faults.push({ operation, status: 500 });
  }
  const answer = await askToken(stack, contoso.tenantId, { url: instance.httpsUrl, callerToken });
  stack.entra.behaviour.faults.length = 0;
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.equal(countOperations(stack, "KeySign"), 1);
});

test("an instance starts even if every system for its warm-up is down, and serves once they are back", async () => {
  const parts = [stack.keyVault, stack.entra, stack.storage];
  await Promise.all(parts.map((part) => part.stop()));
  const instance = await start();
  assert.equal((await fetch(`${instance.httpUrl}/health/live`)).status, 200);
  await Promise.all(parts.map((part) => part.start()));
  await until(async () => {
    const { status } = await askToken(stack, contoso.tenantId, { url: instance.httpsUrl, scope: world.scopes.orders });
    return status === 200;
  });
  assert.doesNotMatch(instance.output(), /unhandled|"unexpected"/i);
});
