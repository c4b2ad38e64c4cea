import assert from "node:assert/strict";
import { test } from "node:test";
import { type SignAuditPorts, VaultLogUnavailable } from "../../../../src/domain/audit/ports.ts";
import { signAuditRun } from "../../../../src/domain/audit/run.ts";
import { windowMs } from "../../../../src/domain/audit/sign-rate.ts";
import type { KeyholdEvent } from "../../../../src/domain/events.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { signingObjectId } from "../../../support/fixtures/sign-audit.ts";
import { thrownAt } from "../../../support/fixtures/world.ts";

/** A run over an empty log and an empty ledger, which fails as `ports` says. Returns the reports of failures. */
async function failures(ports: Partial<SignAuditPorts>, rejects?: Error): Promise<KeyholdEvent[]> {
  const events: KeyholdEvent[] = [];
  const run = signAuditRun(startMs, {
    vaultLog: { read: async () => [], arrivals: async () => [] },
    ledger: { rowsBetween: async () => [] },
    retention: { expire: async () => 0 },
    ledgerKeptMs: windowMs,
    store: {
      loadState: async () => undefined,
      saveState: async () => ({ etag: "1" }),
      findingsOf: async () => [],
      putFindings: async () => {},
      windowsSince: async () => new Map(),
      putWindow: async () => {},
    },
    signingObjectId,
    keyNames: async () => [],
    framesOf: () => [thrownAt],
    record: (event) => events.push(event),
    ...ports,
  });
  if (rejects) await assert.rejects(run, rejects);
  else await run;
  return events.filter(({ event }) => event === "sign_audit_failed");
}

const bug = new RangeError("s3cret");
const fail = (error: Error) => async () => {
  throw error;
};

test("a run that an unexpected error ends reports its class and stack frames, never its message", async () => {
  const found = await failures({ keyNames: fail(bug) }, bug);
  assert.deepEqual(found, [{ event: "sign_audit_failed", because: "RangeError", frames: [thrownAt] }]);
});

test("a run without the vault's log reports what is wrong with the log, without stack frames", async () => {
  const trouble = new VaultLogUnavailable("throttled");
  const found = await failures({ vaultLog: { read: async () => [], arrivals: fail(trouble) } }, trouble);
  assert.deepEqual(found, [{ event: "sign_audit_failed", because: "vault_log_throttled" }]);
});

test("rows of the ledger that cannot be deleted do not fail the run, and are reported with stack frames", async () => {
  const found = await failures({ retention: { expire: fail(bug) } });
  assert.deepEqual(found, [{ event: "sign_audit_failed", because: "ledger_retention", frames: [thrownAt] }]);
});
