import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../../../src/domain/shared/fault.ts";

test("a fault as text is its class and its code, and nothing of its detail", () => {
  const fault = new Fault("signer_forbidden", { because: "RestError 403", codes: [403], vaultRequestId: "x" });
  assert.equal(String(fault), "Fault: signer_forbidden");
});
