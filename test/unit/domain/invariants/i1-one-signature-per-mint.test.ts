/** Invariant I1 (SECURITY.md): one signature is one mint. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { liveHandler, readyHandler } from "../../../../src/http/health-handlers.ts";
import { callerTokens } from "../../../support/fakes/caller-verifier.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import { answerOf, formRequest } from "../../../support/fixtures/http.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { accessToken, counts, faultOf, none, one } from "../../../support/fixtures/issuing.ts";
import { createWorld } from "../../../support/fixtures/world.ts";

describe("I1 one signature is one mint", () => {
  test("I1 a thousand concurrent cold requests make one signature and one POST, and all get the token", async () => {
    const world = createWorld({ limits: { perMinute: 1, perMinutePerCaller: 1 } });
    const tokens = await Promise.all(Array.from({ length: 1000 }, () => accessToken(world)));
    assert.deepEqual(counts(world), one);
    assert.deepEqual(new Set(tokens), new Set(world.tokenEndpoint.issued));
  });

  test("I1 a cached token costs no signature, for any caller with a grant", async () => {
    const world = createWorld();
    const first = await accessToken(world);
    assert.equal(await accessToken(world), first);
    assert.equal(await accessToken(world, { callerToken: callerTokens.exporter }), first);
    assert.deepEqual(counts(world), one);
  });

  test("I1 tokens of other tenants and scopes are minted separately and never mixed up (T12)", async () => {
    const world = createWorld();
    const billing = await accessToken(world);
    const fabrikam = await accessToken(world, { callerToken: callerTokens.exporter, tenantId: ids.fabrikamId });
    const home = await accessToken(world, { tenantId: ids.homeTenantId, scope: ids.homeApiScope });
    assert.equal(new Set([billing, fabrikam, home]).size, 3);
    assert.deepEqual(counts(world), { signatures: 3, posts: 3, intents: 3 });
    assert.deepEqual(
      world.tokenEndpoint.calls.map(({ tenantId, scope }) => [tenantId, scope]),
      [
        [ids.contosoId, ids.graphScope],
        [ids.fabrikamId, ids.graphScope],
        [ids.homeTenantId, ids.homeApiScope],
      ],
    );
  });

  test("I1 a failed mint is one signature for all requests that waited for it", async () => {
    const world = createWorld();
    world.tokenEndpoint.always = rejection([700027], { error: "invalid_client" });
    const all = await Promise.allSettled(Array.from({ length: 50 }, () => accessToken(world)));
    assert.ok(all.every((each) => each.status === "rejected" && faultOf("credential_rejected")(each.reason)));
    assert.deepEqual(counts(world), one);
  });

  test("I1 health checks sign nothing, ask Entra nothing and write nothing", async () => {
    const world = createWorld();
    const { currentPolicy } = world.context;
    const callerKeys = { isReady: async () => true };
    const ready = readyHandler({ callerKeys, currentPolicy, unpublished: () => 1, clock: world.clock.now });
    assert.equal((await answerOf(ready, formRequest())).status, 200);
    assert.equal((await answerOf(liveHandler(), formRequest())).status, 200);
    assert.deepEqual(counts(world), none);
  });
});
