/** Invariant I6 (SECURITY.md): no output contains a token, an assertion, a caller's token or a key URL. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { issueAssertion } from "../../../../src/domain/issuing/issue-assertion.ts";
import { issueToken } from "../../../../src/domain/issuing/issue-token.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { assertionHandler, tokenHandler } from "../../../../src/http/issuing-handlers.ts";
import { callerTokens } from "../../../support/fakes/caller-verifier.ts";
import { rejection } from "../../../support/fakes/token-endpoint.ts";
import {
  answerOf,
  bearerRequest,
  formRequest,
  jsonRequest,
  presentations,
  question,
} from "../../../support/fixtures/http.ts";
import * as ids from "../../../support/fixtures/ids.ts";
import { assertionRequest } from "../../../support/fixtures/issuing.ts";
import { keyId, vaultHost } from "../../../support/fixtures/policy.ts";
import { createWorld, validRequest, type World } from "../../../support/fixtures/world.ts";

describe("I6 no output contains a token, an assertion, a caller's token or a key URL", () => {
  /** Runs over every kind of end, and all that they left behind. */
  async function emitted(): Promise<{ text: string; secrets: string[] }> {
    const texts: unknown[] = [];
    const claimsValue = "a-value-that-a-resource-put-into-a-challenge";
    const secrets: string[] = [claimsValue, vaultHost, keyId, "eyJ", ...Object.values(callerTokens)];
    const upstream = Object.assign(new Error(`${keyId} eyJhbGciOiJQUzI1NiJ9.leak`), { code: "ECONNRESET" });
    const runs: ((world: World) => void)[] = [
      () => undefined,
      (world) => world.callerVerifier.callers.clear(),
      (world) => world.signer.failures.push(new Fault("signer_forbidden", { codes: [403], because: "RestError 403" })),
      (world) => world.signer.failures.push(upstream),
      (world) => world.tokenEndpoint.next.push(upstream),
      (world) => world.tokenEndpoint.next.push(rejection([7000229]), rejection([7000229])),
      (world) => world.tokenEndpoint.next.push(rejection([700027], { error: "invalid_client" })),
      (world) => {
        world.ledger.isDown = true;
      },
      (world) => {
        world.callerVerifier.failure = upstream;
      },
      (world) => {
        world.policySource.failure = upstream;
      },
      (world) => {
        world.signer.tamper = (answer) => ({ ...answer, keyId: `${keyId}0` });
      },
    ];
    for (const prepare of runs) {
      const world = createWorld();
      prepare(world);
      const { tenantId } = { tenantId: ids.contosoId };
      const token = tokenHandler(world.context);
      const assertion = assertionHandler(world.context);
      for (const [handler, request] of [
        [token, bearerRequest()],
        [token, bearerRequest()],
        [token, formRequest({ ...presentations.client_assertion(callerTokens.billing), tenantId })],
        [token, jsonRequest({ ...presentations.subject_token(callerTokens.billing), tenantId })],
        [token, bearerRequest({ fields: question({ client_assertion: callerTokens.billing }) })],
        [token, bearerRequest({ token: callerTokens.forged })],
        [token, bearerRequest({ query: `?client_assertion=${callerTokens.billing}` })],
        [token, bearerRequest({ fields: question({ client_id: callerTokens.billing }) })],
        [token, bearerRequest({ fields: question({ grant_type: callerTokens.billing }) })],
        [token, bearerRequest({ fields: question({ resource: callerTokens.billing }) })],
        [token, bearerRequest({ fields: question({ claims: callerTokens.billing }) })],
        [token, bearerRequest({ fields: question({ claims: JSON.stringify({ access_token: { x: claimsValue } }) }) })],
        [token, bearerRequest({ tenantId: callerTokens.billing })],
        [token, formRequest({ headers: { authorization: callerTokens.billing } })],
        [assertion, bearerRequest({ token: callerTokens.exporter, fields: { client_id: ids.clientId } })],
      ] as const) {
        const { status, headers, body } = await answerOf(handler, request);
        secrets.push(...world.tokenEndpoint.issued, ...world.tokenEndpoint.calls.map((call) => call.clientAssertion));
        if (typeof body.client_assertion === "string") secrets.push(body.client_assertion);
        const { access_token: _token, client_assertion: _assertion, ...rest } = body;
        texts.push(status, headers, rest);
      }
      for (const ask of [issueToken(validRequest(), world.context), issueAssertion(assertionRequest, world.context)]) {
        await ask.catch((error: unknown) => {
          if (error instanceof Fault) texts.push(error.code, error.message, error.detail);
        });
      }
      await world.settled();
      texts.push(world.events, world.ledger.intents, world.ledger.outcomes);
    }
    return { text: JSON.stringify(texts), secrets: [...new Set(secrets)] };
  }

  test("I6 for success, and every kind of refusal and fault", async () => {
    const { text, secrets } = await emitted();
    for (const expected of ["issued", "refused", '"fault"', "maybe_signed", "handed_out", "tenant_not_consented"]) {
      assert.ok(text.includes(expected), `the runs include ${expected}`);
    }
    assert.ok(secrets.length > 10);
    for (const secret of secrets) assert.ok(!text.includes(secret), `${secret.slice(0, 24)} was emitted`);
    for (const secret of secrets.filter((each) => each.includes("."))) {
      const signature = secret.split(".")[2] ?? "";
      if (signature.length > 40) assert.ok(!text.includes(signature), "a signature was emitted");
    }
  });

  test("I6 a token in a wrong field is refused and not recorded", async () => {
    const token = callerTokens.billing;
    for (const fields of [question({ scope: `${token}/.default` }), question({ client_id: token })]) {
      const world = createWorld();
      const request = bearerRequest({ token: callerTokens.forged, fields });
      assert.equal((await answerOf(tokenHandler(world.context), request)).status, 400);
      assert.ok(!JSON.stringify(world.events).includes("eyJ"));
    }
  });
});
