import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { freePorts } from "../../local/stack/ports.ts";
import * as world from "../../local/stack/world.ts";
import { askToken, testStack } from "../support/test-stack.ts";

const stack = await testStack({ startFunctions: false });
const { contoso } = world.tenants;

test("of 400 requests at once, every answer other than 200 has Retry-After", async () => {
  const small = await stack.addInstance(await freePorts(), { KEYHOLD_MAX_REQUESTS_IN_FLIGHT: "10" });
  const callerToken = await stack.callerToken("billing");
  const ask = () => askToken(stack, contoso.tenantId, { callerToken, url: small.httpUrl });
  const answers = await Promise.all(Array.from({ length: 400 }, ask));
  const shed = answers.filter(({ status }) => status !== 200);
  assert.ok(shed.length > 0 && shed.length < 400, `${shed.length} were shed`);
  for (const { status, headers, body } of shed) {
    assert.equal(status, 429);
    assert.equal(headers.get("retry-after"), "1");
    assert.equal(body.error, "temporarily_unavailable");
  }
  assert.equal((await ask()).status, 200);
});

test("callers are served while an attacker floods the instance with made-up keys and the identity provider hangs", async (t) => {
  const limited = await stack.addInstance(await freePorts(), { KEYHOLD_MAX_REQUESTS_IN_FLIGHT: "50" });
  const genuine = await stack.callerToken("billing");
  const ask = (callerToken: string) => askToken(stack, contoso.tenantId, { callerToken, url: limited.httpUrl });
  assert.equal((await ask(genuine)).status, 200);
  const [, claims, signature] = genuine.split(".");
  const madeUp = () => {
    const header = { typ: "JWT", alg: "RS256", kid: randomBytes(20).toString("base64url") };
    return `${Buffer.from(JSON.stringify(header)).toString("base64url")}.${claims}.${signature}`;
  };
  const { behaviour } = stack.entra;
  stack.entra.behaviour = { latencyMs: 6_000, faults: [] };
  t.after(() => {
    stack.entra.behaviour = behaviour;
  });
  let underWay = 200;
  const onlyThoseWhoWait = Promise.withResolvers<void>();
  const flood = Array.from({ length: underWay }, async () => {
    const answer = await ask(madeUp());
    if (--underWay === 20) onlyThoseWhoWait.resolve();
    return answer;
  });
  await onlyThoseWhoWait.promise;
  assert.equal((await ask(genuine)).status, 200);
  for (const { status, headers, body } of await Promise.all(flood)) {
    assert.ok(status === 503 || status === 429, `${status}`);
    assert.equal(headers.get("retry-after"), "1");
    assert.equal(body.error, "temporarily_unavailable");
  }
});
