import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditEvent } from "../../../../src/domain/audit/events.ts";
import { type SignAuditPorts, VaultLogUnavailable } from "../../../../src/domain/audit/ports.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { createVaultLog } from "../../../support/fakes/vault-log.ts";
import { signingObjectId } from "../../../support/fixtures/sign-audit.ts";
import { createAuditWorld, eventsOf } from "../../../support/fixtures/sign-audit-run.ts";
import { thrownAt } from "../../../support/fixtures/world.ts";

/** A run over an empty log and an empty ledger, which fails as `ports` says. Returns the reports of failures. */
async function failures(ports: Partial<SignAuditPorts>, rejects?: unknown): Promise<AuditEvent[]> {
  const world = createAuditWorld(startMs, () => ({ framesOf: () => [thrownAt], ...ports }));
  if (rejects) await assert.rejects(world.run(), (error) => error === rejects);
  else await world.run();
  return eventsOf(world, "sign_audit_failed");
}

const bug = new RangeError("s3cret");
const fail = (error: unknown) => async () => {
  throw error;
};

test("an unexpected error that ends a run is reported with its class and stack frames, never with its message", async () => {
  const found = await failures({ keyNames: fail(bug) }, bug);
  assert.deepEqual(found, [{ event: "sign_audit_failed", because: "RangeError", frames: [thrownAt] }]);
});

test("what ends a run and is no error is reported without any of it", async () => {
  const found = await failures({ keyNames: fail("s3cret") }, "s3cret");
  assert.deepEqual(found, [{ event: "sign_audit_failed", because: "unknown", frames: [thrownAt] }]);
});

test("a run that cannot read the vault's log reports the reason, without stack frames", async () => {
  const trouble = new VaultLogUnavailable("throttled");
  const vaultLog = { ...createVaultLog([], signingObjectId, () => startMs), arrivals: fail(trouble) };
  const found = await failures({ vaultLog }, trouble);
  assert.deepEqual(found, [{ event: "sign_audit_failed", because: "vault_log_throttled" }]);
});

test("ledger rows that cannot be deleted do not fail the run, and are reported with stack frames", async () => {
  const world = createAuditWorld(startMs, () => ({ framesOf: () => [thrownAt], retention: { expire: fail(bug) } }));
  await world.run();
  const failed = { event: "sign_audit_failed", because: "ledger_retention", frames: [thrownAt] };
  assert.deepEqual(eventsOf(world, "sign_audit_failed"), [failed]);
  assert.equal(eventsOf(world, "sign_audit_finished")[0]?.expiredRows, 0);
});
