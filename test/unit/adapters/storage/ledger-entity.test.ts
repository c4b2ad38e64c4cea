import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  intentEntity,
  ledgerProperties,
  outcomeEntity,
  parseLedgerEntity,
} from "../../../../src/adapters/storage/ledger-entity.ts";
import { ledgerPartitions, partitionOf } from "../../../../src/adapters/storage/ledger-partition.ts";
import type { SignIntent } from "../../../../src/domain/signing/ledger.ts";
import { createLedgerId } from "../../../../src/domain/signing/ledger-id.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { outcomes, tokenIntent } from "../../../support/fixtures/ledger.ts";

const intent = tokenIntent(startMs);
const [issued] = outcomes;
assert.ok(issued);
const row: Record<string, unknown> = { ...intentEntity(intent), ...outcomeEntity(intent.id, issued) };

describe("a row of the ledger", () => {
  test("without outcome is read back as the written intent", () => {
    assert.deepEqual(parseLedgerEntity(intentEntity(intent)), { ok: true, value: { intent } });
  });

  for (const outcome of outcomes) {
    test(`with outcome ${outcome.outcome} is read back as both (${JSON.stringify(outcome).length} characters)`, () => {
      const entity = { ...intentEntity(intent), ...outcomeEntity(intent.id, outcome) };
      assert.deepEqual(parseLedgerEntity(entity), { ok: true, value: { intent, outcome } });
    });
  }

  test("of a publication has no caller, client or tenant, for which storage returns null when they are selected", () => {
    const publication: SignIntent = {
      id: intent.id,
      timeMs: intent.timeMs,
      purpose: "publication",
      callerName: "keyhold",
      metadataSource: "common",
      keyName: "publisher",
      keyVersion: "v1",
      instance: "test",
    };
    const nulls = Object.fromEntries(ledgerProperties.map((name) => [name, null]));
    const parsed = parseLedgerEntity({ ...nulls, ...intentEntity(publication) });
    assert.deepEqual(parsed, { ok: true, value: { intent: publication } });
  });

  test("is read with only the members that Keyhold writes", () => {
    const parsed = parseLedgerEntity({ ...row, note: "written by another hand", timestamp: "now" });
    assert.deepEqual(parsed, { ok: true, value: { intent, outcome: issued } });
  });

  test("of a managed identity's token names the identity and no key, and needs no request of the vault", () => {
    const { keyName: _, keyVersion: __, ...rest } = tokenIntent(startMs);
    const ofIdentity: SignIntent = { ...rest, identityClientId: rest.clientId ?? assert.fail() };
    const { vaultRequestId: ___, ...outcome } = issued;
    const entity = { ...intentEntity(ofIdentity), ...outcomeEntity(rest.id, outcome as typeof issued) };
    assert.deepEqual(parseLedgerEntity(entity), { ok: true, value: { intent: ofIdentity, outcome } });
  });

  test("of a key that did not sign, or perhaps did, needs no request of the vault", () => {
    for (const outcome of ["not_signed", "maybe_signed"] as const) {
      const entity = { ...intentEntity(intent), ...outcomeEntity(intent.id, { outcome, fault: "signer_unavailable" }) };
      assert.equal(parseLedgerEntity(entity).ok, true);
    }
  });

  test("with a part of a second in an expiry is read as the second that has begun", () => {
    const parsed = parseLedgerEntity({ ...row, tokenExpiresAt: new Date(1_800_000_000_999) });
    assert.deepEqual(parsed, { ok: true, value: { intent, outcome: issued } });
  });

  const anotherHour = createLedgerId(startMs + 3_600_000);
  const broken: [string, Record<string, unknown>, string[]][] = [
    ["no id", { rowKey: "row-1" }, ["rowKey"]],
    ["an id in upper case", { rowKey: intent.id.toUpperCase() }, ["rowKey"]],
    ["the partition of another hour", { partitionKey: partitionOf(anotherHour) }, ["partitionKey"]],
    ["no time", { time: undefined }, ["time"]],
    ["a time that is not its id's", { time: new Date(startMs + 1) }, ["time"]],
    ["a purpose that is none", { purpose: "fun" }, ["purpose"]],
    ["a caller that is no GUID", { callerObjectId: "' or PartitionKey ne '" }, ["callerObjectId"]],
    ["a tenant that is no GUID", { tenantId: 5 }, ["tenantId"]],
    ["no key", { keyName: null }, ["keyName"]],
    ["a name that steers a terminal", { callerName: "billing\u001b[2K" }, ["callerName"]],
    ["a name that turns the text around", { callerName: "billing\u202egnp" }, ["callerName"]],
    ["an outcome that is none", { outcome: "stolen" }, ["outcome"]],
    ["a signature without the vault's request", { vaultRequestId: undefined }, ["vaultRequestId"]],
    ["a hash that is none", { tokenSha256: "eyJ0eXAi" }, ["tokenSha256"]],
    ["something before a hash", { tokenSha256: `\u001b${"a".repeat(64)}` }, ["tokenSha256"]],
    ["something after a hash", { tokenSha256: `${"a".repeat(64)}\u001b` }, ["tokenSha256"]],
    ["something before a fault", { outcome: "not_signed", fault: "\u001bsigner" }, ["fault"]],
    ["something after a fault", { outcome: "not_signed", fault: "signer\u001b" }, ["fault"]],
    ["a fault that is no text", { outcome: "not_signed", fault: ["signer"] }, ["fault"]],
    ["something before its codes", { outcome: "rejected", codes: "\u001b700027" }, ["codes"]],
    ["something after its codes", { outcome: "rejected", codes: "700027 x" }, ["codes"]],
    ["an identity that is no GUID", { identityClientId: "me", keyName: undefined }, ["identityClientId"]],
    ["both an identity and a key", { identityClientId: intent.callerObjectId }, ["keyName"]],
    ["two things wrong", { keyVersion: 1, instance: 2 }, ["keyVersion", "instance"]],
  ];
  for (const [what, difference, properties] of broken) {
    test(`with ${what} is unreadable, and the problem is named`, () => {
      const parsed = parseLedgerEntity({ ...row, ...difference });
      assert.ok(!parsed.ok);
      assert.deepEqual(parsed.refusal.properties, properties);
      assert.equal(parsed.refusal.reason, "row_unreadable");
      const { partitionKey } = { ...row, ...difference };
      assert.equal(parsed.refusal.partition, partitionKey);
    });
  }

  test("that is unreadable is reported without control characters, and truncated", () => {
    const parsed = parseLedgerEntity({ ...row, rowKey: `\u001b]0;\u009b${"x".repeat(1000)}` });
    assert.ok(!parsed.ok);
    assert.equal(parsed.refusal.rowKey, `?]0;?${"x".repeat(59)}`);
  });
});

test("a row is in one of the sixteen partitions of its hour, for any id", () => {
  const ids = Array.from({ length: 1000 }, () => createLedgerId(startMs));
  const used = new Set(ids.map(partitionOf));
  assert.deepEqual([...used].sort(), ledgerPartitions(startMs));
});
