import assert from "node:assert/strict";
import { test } from "node:test";
import { freePorts } from "../../local/stack/ports.ts";
import * as world from "../../local/stack/world.ts";
import { askToken, testStack } from "../support/test-stack.ts";

const stack = await testStack({ startFunctions: false });
const { contoso } = world.tenants;

test("of 400 requests at once every answer that is not 200 carries Retry-After", async () => {
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
