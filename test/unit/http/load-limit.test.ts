import assert from "node:assert/strict";
import { test } from "node:test";
import { tokenHandler } from "../../../src/http/issuing-handlers.ts";
import { createLoadLimit } from "../../../src/http/load-limit.ts";
import { answerOf, bearerRequest } from "../../support/fixtures/http.ts";
import { createWorld } from "../../support/fixtures/world.ts";

test("over the limit a request is answered 429 with Retry-After 1, without I/O", async () => {
  const world = createWorld();
  const handler = tokenHandler({ ...world.context, load: createLoadLimit(2) });
  const answers = await Promise.all(Array.from({ length: 5 }, () => answerOf(handler, bearerRequest())));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 429, 429, 429]);
  for (const { status, headers } of answers) if (status === 429) assert.equal(headers["retry-after"], "1");
  assert.equal(world.callerVerifier.calls.length, 2);
});

test("a place is released after an answer, a refusal and a fault", async () => {
  const world = createWorld();
  const handler = tokenHandler({ ...world.context, load: createLoadLimit(1) });
  world.ledger.isDown = true;
  assert.equal((await answerOf(handler, bearerRequest())).status, 503);
  world.ledger.isDown = false;
  world.clock.advanceSeconds(2);
  assert.equal((await answerOf(handler, bearerRequest({ token: "x" }))).status, 401);
  assert.equal((await answerOf(handler, bearerRequest())).status, 200);
  assert.equal((await answerOf(handler, bearerRequest())).status, 200);
});

test("one finished request leaves room for one more", () => {
  const load = createLoadLimit(2);
  assert.deepEqual([load.enter(), load.enter(), load.enter()], [true, true, false]);
  load.leave();
  assert.deepEqual([load.enter(), load.enter()], [true, false]);
});
