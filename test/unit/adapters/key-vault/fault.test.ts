import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { TokenRefused } from "../../../../src/adapters/azure/refused-token.ts";
import { keyVaultFault } from "../../../../src/adapters/key-vault/fault.ts";
import type { FaultCode } from "../../../../src/domain/shared/fault.ts";
import { keyId, vaultHost } from "../../../support/fixtures/policy.ts";
import { holds } from "../../../support/fixtures/property.ts";

const sdkError = Object.assign(new Error(`POST ${keyId}/sign failed`), { name: "RestError", statusCode: 403 });
const nowMs = Date.UTC(2026, 10, 26, 12, 0, 0);
const answer = (status: number, body = "", retryAfter?: string) => ({
  status,
  requestId: "request-1",
  retryAfter,
  body,
});
const inner = (code: string) => JSON.stringify({ error: { code: "Forbidden", message: keyId, innererror: { code } } });

const table: [status: number, body: string, code: FaultCode, maybeSigned: boolean | undefined][] = [
  [400, "", "signer_rejected", undefined],
  [401, "", "signer_unauthorized", undefined],
  [403, inner("ForbiddenByRbac"), "signer_forbidden", undefined],
  [403, inner("ForbiddenByFirewall"), "signer_forbidden", undefined],
  [403, inner("KeyDisabled"), "signer_key_disabled", undefined],
  [404, inner("KeyNotFound"), "signer_key_not_found", undefined],
  [408, "", "signer_unavailable", undefined],
  [409, "", "signer_rejected", undefined],
  [429, "", "signer_throttled", undefined],
  [500, "", "signer_unavailable", true],
  [502, "", "signer_unavailable", true],
  [503, "", "signer_unavailable", true],
  [504, "", "signer_unavailable", true],
  [200, "not JSON", "signer_rejected", true],
];

describe("an answer of the vault", () => {
  for (const [status, body, code, maybeSigned] of table) {
    test(`${status} ${body.includes("innererror") ? body.slice(-20, -3) : body} is ${code}`, () => {
      const fault = keyVaultFault(sdkError, answer(status, body), nowMs);
      assert.equal(fault.code, code);
      assert.equal(fault.detail.maybeSigned, maybeSigned);
      assert.deepEqual(fault.detail.codes, [status]);
      assert.equal(fault.detail.vaultRequestId, "request-1");
    });
  }

  test("that refuses the token reports whether there is another one, and was not a signature", () => {
    for (const isReplaced of [true, false]) {
      const { code, detail, isRetryable } = keyVaultFault(new TokenRefused(isReplaced, "request-2"), undefined, nowMs);
      assert.deepEqual(
        [code, detail.codes, detail.vaultRequestId, detail.maybeSigned, isRetryable],
        ["signer_unauthorized", [401], "request-2", undefined, isReplaced],
      );
    }
  });

  test("without a request id has none in its fault", () => {
    assert.deepEqual(keyVaultFault(sdkError, { ...answer(404), requestId: "" }, nowMs).detail, { codes: [404] });
    assert.deepEqual(keyVaultFault(new TokenRefused(true, ""), undefined, nowMs).detail, {
      ...{ codes: [401], isTokenReplaced: true },
    });
  });

  test("of 399 may have been a signature", () => {
    assert.equal(keyVaultFault(sdkError, answer(399), nowMs).detail.maybeSigned, true);
  });

  const waits: [header: string | undefined, seconds: number | undefined][] = [
    [undefined, undefined],
    ["7", 7],
    ["0", 0],
    ["-1", undefined],
    ["soon", undefined],
    ["Thu, 26 Nov 2026 12:01:30 GMT", 90],
    ["", undefined],
    ["Infinity", undefined],
    ["1e9", undefined],
    ["0x10", undefined],
    ["1.5", undefined],
  ];
  for (const [header, seconds] of waits) {
    test(`with Retry-After ${JSON.stringify(header)} asks for ${seconds ?? "no"} seconds (RFC 9110 §10.2.3)`, () => {
      assert.equal(keyVaultFault(sdkError, answer(429, "", header), nowMs).detail.retryAfterSeconds, seconds);
    });
  }
});

describe("a missing answer of the vault", () => {
  const named = (name: string, more: object = {}) => Object.assign(new Error(keyId), { name }, more);
  const causedBy = (code: string) => new Error(keyId, { cause: Object.assign(new Error(keyId), { code }) });
  const cases: [what: string, error: unknown, maybeSigned: boolean][] = [
    ["a connection that was refused", named("RestError", { code: "ECONNREFUSED" }), false],
    ["a name that does not resolve", named("RestError", { code: "ENOTFOUND" }), false],
    ["a name that cannot be resolved now", named("RestError", { code: "EAI_AGAIN" }), false],
    ["a host that cannot be reached", named("RestError", { code: "EHOSTUNREACH" }), false],
    ["a network that cannot be reached", named("RestError", { code: "ENETUNREACH" }), false],
    ["no identity of several", named("AggregateAuthenticationError"), false],
    ["an error with such a word in its name", named("UnexpectedAuthenticationError"), true],
    ["a cause that is no error", new Error(keyId, { cause: { code: "ECONNREFUSED" } }), true],
    ["a refused connection underneath", causedBy("ECONNREFUSED"), false],
    ["no managed identity", named("CredentialUnavailableError"), false],
    ["a refused managed identity", named("AuthenticationError", { statusCode: 400 }), false],
    ["a connection that was cut", named("RestError", { code: "ECONNRESET" }), true],
    ["a time-out", named("AbortError"), true],
    ["something that is no Error", keyId, true],
    ["nothing at all", undefined, true],
  ];
  for (const [what, error, maybeSigned] of cases) {
    test(`because of ${what} ${maybeSigned ? "may have signed" : "has not signed"}`, () => {
      const fault = keyVaultFault(error, undefined, nowMs);
      assert.equal(fault.code, "signer_unavailable");
      assert.equal(fault.detail.maybeSigned, maybeSigned);
    });
  }
});

test("a request that is known to have had a connection or not may have signed exactly if it had one", () => {
  for (const error of [new DOMException("", "TimeoutError"), Object.assign(new Error(), { code: "ECONNREFUSED" })]) {
    for (const wasSent of [true, false]) {
      assert.equal(keyVaultFault(error, undefined, nowMs, wasSent).detail.maybeSigned, wasSent);
    }
  }
});

test("no text of an error or an answer is in a fault", async (t) => {
  const canary = `${keyId} eyJhbGciOiJQUzI1NiJ9.x.y`;
  const text = fc.string({ maxLength: 20 }).map((noise) => `${noise}${canary}${noise}`);
  const property = fc.property(text, fc.option(fc.integer({ min: 200, max: 599 })), (value, status) => {
    const error = Object.assign(new Error(value, { cause: Object.assign(new Error(value), { code: value }) }), {
      name: value,
      code: value,
      statusCode: value,
    });
    const fault = keyVaultFault(error, status === null ? undefined : answer(status, value, value), nowMs);
    const told = JSON.stringify([fault.message, fault.code, fault.detail, fault.stack?.split("\n")[0]]);
    for (const secret of [vaultHost, "eyJ"]) assert.ok(!told.includes(secret), told);
    assert.equal(fault.cause, undefined);
  });
  await holds(t, property, 300);
});
