import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LogsTable } from "@azure/monitor-query-logs";
import { refusalColumns, resultColumns } from "../../../../local/emulators/azure-monitor/log-query.ts";
import {
  readNow,
  readRefusals,
  readVaultLogRows,
  readWindowCounts,
} from "../../../../src/adapters/log-analytics/row.ts";

const version = "0123456789abcdef0123456789abcdef";
type Cell = string | number | Date;
const usual: Record<string, Cell | null> = {
  TimeGenerated: new Date(Date.UTC(2026, 0, 31, 12)),
  OperationName: "KeySign",
  HttpStatusCode: 200,
  CorrelationId: "c0ffee00-0000-4000-8000-000000000001",
  Id: `https://v.vault.azure.net/keys/k/${version}`,
  RequestUri: `https://v.vault.azure.net:443/keys/k/${version}/sign?api-version=7.5`,
  ObjectId: "AAAAAAAA-0000-4000-8000-000000000001",
  AppId: "BBBBBBBB-0000-4000-8000-000000000001",
  CallerIpAddress: "10.0.0.4",
  ClientInfo: "curl/8.5",
};

/** An answer with one row, as the SDK gives it. */
function tableOf(cells: Record<string, Cell | null>, columns: readonly { name: string; type: string }[]): LogsTable {
  // The SDK's type has no null, but its answers do.
  const row = columns.map(({ name }) => cells[name] ?? null) as Cell[];
  const columnDescriptors = columns.map(({ name, type }) => ({ name, type: type as "string" }));
  return { name: "PrimaryResult", columnDescriptors, rows: [row] };
}

function readRow(changes: Record<string, Cell | null> = {}, columns = resultColumns) {
  return readVaultLogRows()(tableOf({ ...usual, ...changes }, columns))[0];
}

const columnsOf = (...names: string[]) => names.map((name) => ({ name, type: "dynamic" as const }));

function keyOf(id: string, requestUri: string, operation = "KeySign") {
  const row = readRow({ Id: id, RequestUri: requestUri, OperationName: operation });
  return [row?.keyName, row?.keyVersion];
}

describe("a row of the vault's log", () => {
  test("has its time, status and request id, and the caller in lower case", () => {
    assert.deepEqual(readRow(), {
      timeMs: Date.UTC(2026, 0, 31, 12),
      operation: "KeySign",
      httpStatus: 200,
      requestId: "c0ffee00-0000-4000-8000-000000000001",
      keyName: "k",
      keyVersion: version,
      callerObjectId: "aaaaaaaa-0000-4000-8000-000000000001",
      callerAppId: "bbbbbbbb-0000-4000-8000-000000000001",
      callerAddress: "10.0.0.4",
      clientInfo: "curl/8.5",
    });
  });

  test("is read by the names of the columns, in any order", () => {
    assert.deepEqual(readRow({}, resultColumns.toReversed()), readRow());
  });

  test("keeps the status of a refused operation", () => {
    assert.equal(readRow({ HttpStatusCode: 403 })?.httpStatus, 403);
    assert.equal(readRow({ HttpStatusCode: null })?.httpStatus, 0, "an event of the vault itself");
  });

  test("has no caller if the vault knew none", () => {
    const row = readRow({ ObjectId: "", AppId: null, CallerIpAddress: "", ClientInfo: null });
    assert.deepEqual(
      Object.keys(row ?? {}).filter((name) => /caller|client/.test(name)),
      [],
    );
  });

  test("without a time, an operation or a column is an error", () => {
    assert.throws(() => readRow({ TimeGenerated: null }), { trouble: "unexpected" });
    assert.throws(() => readRow({ TimeGenerated: "yesterday" }), { trouble: "unexpected" });
    assert.throws(() => readRow({ OperationName: "" }), { trouble: "unexpected" });
    for (const { name } of resultColumns) {
      assert.throws(
        () =>
          readRow(
            {},
            resultColumns.filter((column) => column.name !== name),
          ),
        { trouble: "unexpected" },
      );
    }
  });
});

describe("the key of a row", () => {
  const uri = (path: string, port = ":443") => `https://V.Vault.Azure.Net${port}/${path}?api-version=7.5`;

  test("is taken from the Id, or if that is empty from the request, with any port", () => {
    assert.deepEqual(keyOf(`https://v.vault.azure.net/keys/Other/${version}`, uri("keys/k/1/sign")), [
      "other",
      version,
    ]);
    for (const port of ["", ":443", ":8443"]) {
      assert.deepEqual(keyOf("", uri(`Keys/K/${version.toUpperCase()}/sign`, port)), ["k", version]);
    }
    assert.deepEqual(keyOf("no url", uri(`keys/k/${version}/sign`)), ["k", version]);
  });

  test("takes the version from the request if the Id of the same key has none", () => {
    assert.deepEqual(keyOf("https://v.vault.azure.net/keys/k", uri(`keys/K/${version}/sign`)), ["k", version]);
    assert.deepEqual(keyOf("https://v.vault.azure.net/keys/k", uri(`keys/other/${version}/sign`)), ["k", undefined]);
  });

  test("is that of the Id where the request names none", () => {
    assert.deepEqual(keyOf("https://v.vault.azure.net/keys/k", ""), ["k", undefined]);
  });

  test("has no version where something longer stands in its place", () => {
    for (const longer of [`0${version}`, `${version}0`]) {
      assert.deepEqual(keyOf(`https://v.vault.azure.net/keys/k/${longer}`, ""), ["k", undefined]);
    }
  });

  test("has no version where an operation stands in its place", () => {
    assert.deepEqual(keyOf("", uri("keys/k/backup"), "KeyBackup"), ["k", undefined]);
    assert.deepEqual(keyOf("", uri("deletedkeys/k"), "KeyPurge"), ["k", undefined]);
  });

  test("is right however many keys an attacker names, and no more than a thousand are held", (t) => {
    const set = t.mock.method(Map.prototype, "set");
    const names = Array.from({ length: 1_200 }, (_, i) => `k${i}`);
    const tables = names.map((name) =>
      tableOf({ ...usual, Id: `https://v.vault.azure.net/keys/${name}` }, resultColumns),
    );
    const [first] = tables as [LogsTable];
    const rows = readVaultLogRows()({ ...first, rows: tables.flatMap((table) => table.rows) });
    assert.deepEqual(
      rows.map(({ keyName }) => keyName),
      names,
    );
    const held = set.mock.calls.filter(({ arguments: [, value] }) => value instanceof Object && "keyName" in value);
    assert.equal(held.length, 1_000);
  });

  test("is absent for what is no key", () => {
    assert.deepEqual(keyOf("", uri("keys"), "KeyList"), [undefined, undefined]);
    assert.deepEqual(keyOf("", uri("keys/restore"), "KeyRestore"), [undefined, undefined]);
    assert.deepEqual(keyOf("", uri(`secrets/k/${version}`), "SecretGet"), [undefined, undefined]);
    const secret = `https://v.vault.azure.net/secrets/k/${version}`;
    assert.deepEqual(keyOf(secret, uri("keys/k"), "SecretGet"), [undefined, undefined]);
    assert.deepEqual(keyOf("", "", "Authentication"), [undefined, undefined]);
  });
});

describe("an answer of another kind", () => {
  const last = new Date(Date.UTC(2026, 0, 31, 13));
  const kinds: [
    what: string,
    cells: Record<string, Cell>,
    columns: typeof resultColumns,
    read: (table: LogsTable) => unknown,
  ][] = [
    ["refusals", { ...usual, Requests: 3, LastTime: last } as Record<string, Cell>, refusalColumns, readRefusals],
    ["windows", { Window: last, Rows: 2 }, columnsOf("Window", "Rows"), readWindowCounts],
    ["the log's clock", { Now: last }, columnsOf("Now"), readNow],
  ];
  for (const [what, cells, columns, read] of kinds) {
    test(`(${what}) is an error without one of its columns`, () => {
      assert.ok(read(tableOf(cells, columns)));
      for (const { name } of columns) {
        const others = columns.filter((column) => column.name !== name);
        assert.throws(() => read(tableOf(cells, others)), { trouble: "unexpected" }, name);
        // No row has a cell that could be missed.
        assert.throws(() => read({ ...tableOf(cells, others), rows: [] }), { trouble: "unexpected" }, name);
      }
    });
  }

  test("is an error where a number of rows is none", () => {
    for (const rows of ["many", 1.5]) {
      const table = tableOf({ Window: last, Rows: rows }, columnsOf("Window", "Rows"));
      assert.throws(() => readWindowCounts(table), { trouble: "unexpected" });
    }
  });

  test("is an error where the log's clock has no row", () => {
    assert.throws(() => readNow({ ...tableOf({ Now: last }, columnsOf("Now")), rows: [] }), { trouble: "unexpected" });
  });
});
