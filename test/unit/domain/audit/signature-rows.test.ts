import assert from "node:assert/strict";
import { test } from "node:test";
import { isSignature } from "../../../../src/domain/audit/rows.ts";
import { signAuditRun } from "../../../../src/domain/audit/run.ts";
import { windowMs } from "../../../../src/domain/audit/sign-rate.ts";
import { startAuditing } from "../../../../src/domain/audit/windows.ts";
import type { KeyholdEvent } from "../../../../src/domain/events.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { signature, signingObjectId } from "../../../support/fixtures/sign-audit.ts";

test("a signature is a KeySign in any letter case that no status refuses", () => {
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
    signature("request-4", 4, { httpStatus: 304 }),
    signature("request-5", 5, { httpStatus: 403 }),
    signature("request-6", 6, { operation: "KeyVerify" }),
  ];
  const events: KeyholdEvent[] = [];
  await signAuditRun(startMs + 12 * windowMs, {
    vaultLog: {
      read: async (fromMs, toMs) => rows.filter(({ timeMs }) => timeMs >= fromMs && timeMs < toMs),
      arrivals: async () => [],
    },
    ledger: { rowsBetween: async () => [] },
    retention: { expire: async () => 0 },
    ledgerKeptMs: windowMs,
    store: {
      loadState: async () => ({ state: { ...startAuditing(startMs), watermarkMs: startMs }, etag: "1" }),
      saveState: async () => ({ etag: "2" }),
      findingsOf: async () => [],
      putFindings: async () => {},
      windowsSince: async () => new Map(),
      putWindow: async () => {},
    },
    record: (event) => events.push(event),
    signingObjectId,
    keyNames: async () => ["token-signing"],
    framesOf: () => [],
  });
  const signs = events.filter((event) => event.event === "sign_rate_judged").map((event) => event.signs);
  const reported = events.filter(
    (event) => event.event === "sign_audit_finding" && event.finding === "unaccounted_signature",
  );
  assert.equal(signs[0], 4);
  assert.equal(new Set(reported.map((event) => "requestId" in event && event.requestId?.toLowerCase())).size, 4);
});
