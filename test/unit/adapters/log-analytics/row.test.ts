import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { resultColumns } from "../../../../local/emulators/azure-monitor/log-query.ts";
import { readVaultLogRows } from "../../../../src/adapters/log-analytics/row.ts";

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

function readRow(changes: Record<string, Cell | null> = {}, columns = resultColumns) {
  const cells = { ...usual, ...changes };
  // The SDK's type has no null, but its answers do.
  const row = columns.map(({ name }) => cells[name] ?? null) as Cell[];
  const descriptors = columns.map(({ name, type }) => ({ name, type: type as "string" }));
  return readVaultLogRows()({ name: "PrimaryResult", columnDescriptors: descriptors, rows: [row] })[0];
}

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

  test("has no version if there is an operation in its place", () => {
    assert.deepEqual(keyOf("", uri("keys/k/backup"), "KeyBackup"), ["k", undefined]);
    assert.deepEqual(keyOf("", uri("deletedkeys/k"), "KeyPurge"), ["k", undefined]);
  });

  test("is absent for anything other than a key", () => {
    assert.deepEqual(keyOf("", uri("keys"), "KeyList"), [undefined, undefined]);
    assert.deepEqual(keyOf("", uri("keys/restore"), "KeyRestore"), [undefined, undefined]);
    assert.deepEqual(keyOf("", uri(`secrets/k/${version}`), "SecretGet"), [undefined, undefined]);
    const secret = `https://v.vault.azure.net/secrets/k/${version}`;
    assert.deepEqual(keyOf(secret, uri("keys/k"), "SecretGet"), [undefined, undefined]);
    assert.deepEqual(keyOf("", "", "Authentication"), [undefined, undefined]);
  });
});
