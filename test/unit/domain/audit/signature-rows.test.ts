import assert from "node:assert/strict";
import { test } from "node:test";
import { isSignature } from "../../../../src/domain/audit/rows.ts";
import { settleMs, windowMs } from "../../../../src/domain/audit/sign-rate.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { signature } from "../../../support/fixtures/sign-audit.ts";
import { createAuditWorld, eventsOf, shown } from "../../../support/fixtures/sign-audit-run.ts";

test("a signature is a KeySign in any letter case whose status is not a refusal", () => {
  for (const operation of ["KeySign", "keysign", "KEYSIGN"]) {
    for (const httpStatus of [0, 200, 202, 304]) {
      assert.ok(isSignature(signature("request", 0, { operation, httpStatus })), `${operation} ${httpStatus}`);
    }
    for (const httpStatus of [400, 401, 403, 429, 500]) {
      assert.ok(!isSignature(signature("request", 0, { operation, httpStatus })), `${operation} ${httpStatus}`);
    }
  }
  assert.ok(!isSignature(signature("request", 0, { operation: "KeyGet" })));
});

test("the sign rate counts the same rows that the comparison with the ledger reports", async () => {
  const rows = [
    signature("request-1", 1),
    signature("request-2", 2, { operation: "keysign" }),
    signature("request-3", 3, { httpStatus: 0 }),
    signature("REQUEST-3", 3, { httpStatus: 0, operation: "KEYSIGN" }),
    signature("request-1", 1),
    signature("request-4", 4, { httpStatus: 304 }),
    signature("request-5", 5, { httpStatus: 403 }),
    signature("request-6", 6, { operation: "KeyVerify" }),
  ];
  const world = createAuditWorld(startMs + settleMs);
  await world.run();
  world.logged.push(...rows.map((row) => shown(row)));
  world.clock.set(startMs + windowMs + settleMs);
  await world.run();
  const [rate] = eventsOf(world, "sign_rate_judged").filter(({ windowFromMs }) => windowFromMs === startMs);
  const reported = eventsOf(world, "sign_audit_finding").filter(({ finding }) => finding === "unaccounted_signature");
  assert.equal(rate?.signs, 5);
  assert.equal(reported.length, 5);
});
