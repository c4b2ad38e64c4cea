import assert from "node:assert/strict";
import { test } from "node:test";
import { joinLogs, type LedgerEntity } from "../../../local/console/watch/signatures.ts";
import type { AuditEvent } from "../../../local/emulators/key-vault/audit-log.ts";
import { callers, identities, tenants } from "../../../local/stack/world.ts";

const time = "2026-06-01T12:00:00.000Z";
const version = "0123456789abcdef0123456789abcdef";

function ledgerRow(change: LedgerEntity = {}): LedgerEntity {
  return {
    ...{ rowKey: "row-1", time: new Date(time), purpose: "token", callerName: callers.billing.name },
    ...{ tenantId: tenants.contoso.tenantId, keyVersion: version, outcome: "issued", vaultRequestId: "request-1" },
    ...change,
  };
}

function logRow(change: Partial<AuditEvent> = {}): AuditEvent {
  return {
    ...{ TimeGenerated: time, OperationName: "KeySign", HttpStatusCode: 200, CorrelationId: "request-1" },
    ...{ Identity: { claim: { oid: identities.signing.objectId } }, ClientInfo: "azsdk-js-keyvault-keys/4.10.2 x" },
    Id: `https://keyhold-local.vault.azure.net/keys/orders-app/${version}`,
    ...change,
  } as AuditEvent;
}

const verdicts = (ledger: LedgerEntity[], log: AuditEvent[]) => joinLogs(ledger, log).map(({ verdict }) => verdict);

test("one row in each log with the same request id form a pair", () => {
  const [row, ...others] = joinLogs([ledgerRow()], [logRow()]);
  assert.deepEqual(others, []);
  assert.equal(row?.verdict, "pair");
  assert.equal(row?.ledger?.tenant, "contoso");
  assert.deepEqual(
    [row?.vault?.identity, row?.vault?.client, row?.vault?.key],
    ["keyhold-signing", "azsdk-js", "orders-app 012345"],
  );
});

test("a signature without a ledger row is unaccounted", () => {
  assert.deepEqual(verdicts([], [logRow()]), ["unaccounted"]);
  assert.deepEqual(verdicts([ledgerRow({ vaultRequestId: "another" })], [logRow()]).sort(), ["missing", "unaccounted"]);
});

test("an open intent with the same key version covers a signature, for a limited time", () => {
  const { outcome: _, vaultRequestId: __, ...open } = ledgerRow();
  assert.deepEqual(verdicts([open], [logRow()]).sort(), ["open", "open"]);
  assert.ok(verdicts([{ ...open, keyVersion: "another" }], [logRow()]).includes("unaccounted"));
  assert.ok(verdicts([{ ...open, time: new Date(Date.parse(time) - 151_000) }], [logRow()]).includes("unaccounted"));
});

test("a signature by another identity, and another operation by ours, is unaccounted even beside an open intent", () => {
  const { outcome: _, ...open } = ledgerRow();
  assert.ok(
    verdicts([open], [logRow({ Identity: { claim: { oid: "somebody" } }, CorrelationId: "2" })]).includes(
      "unaccounted",
    ),
  );
  assert.ok(verdicts([open], [logRow({ OperationName: "KeyBackup", CorrelationId: "2" })]).includes("unaccounted"));
});

test("a read of a key by another identity is no signature, and not shown", () => {
  assert.deepEqual(verdicts([], [logRow({ OperationName: "KeyGet", Identity: { claim: { oid: "somebody" } } })]), []);
});

test("a row that is missing from the vault's log is marked, unless nothing was signed", () => {
  assert.deepEqual(verdicts([ledgerRow()], []), ["missing"]);
  assert.deepEqual(verdicts([ledgerRow({ outcome: "not_signed" })], []), ["unsigned"]);
  assert.deepEqual(verdicts([ledgerRow({ outcome: "maybe_signed" })], []), ["open"]);
});

test("a request that the vault refused is no signature", () => {
  assert.deepEqual(verdicts([], [logRow({ HttpStatusCode: 403 })]), ["refused"]);
});

test("the newest rows are first, and the number of matching ones is limited", () => {
  const log = Array.from({ length: 100 }, (_, i) =>
    logRow({
      HttpStatusCode: 403,
      CorrelationId: `r${i}`,
      TimeGenerated: new Date(Date.parse(time) + i).toISOString(),
    }),
  );
  const rows = joinLogs([], [logRow({ CorrelationId: "stolen" }), ...log]);
  assert.equal(rows.length, 61, "and what does not agree, however old");
  assert.deepEqual([rows[0]?.id, rows.at(-1)?.id], ["r99", "stolen"]);
});
