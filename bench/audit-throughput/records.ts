/**
 * Both records of a busy period, prepared as the services send them: the answers of Log Analytics and of Azure Tables,
 * over TLS, from one server. It supports only the requests that the audit makes.
 */
import { createHash } from "node:crypto";
import type { EmulatorRequest, EmulatorResponse } from "../../local/emulators/shared/emulator-server.ts";
import { hourOfPartition, partitionOf } from "../../src/adapters/storage/ledger-partition.ts";
import { windowMs } from "../../src/domain/audit/sign-rate.ts";
import { parseGuid } from "../../src/domain/shared/guid.ts";

export const signingObjectId = "aaaaaaaa-0000-4000-8000-000000000001";
const keyVersion = "0123456789abcdef0123456789abcdef";
const keyUrl = `https://keyhold-bench.vault.azure.net/keys/token-signing/${keyVersion}`;
const pageRows = 1_000;
const instances = 8;

interface Row {
  timeMs: number;
  /** A row of the vault's log, as JSON. */
  vault: string;
  partition: string;
  id: string;
  /** A row of the ledger's table, as JSON. */
  ledger: string;
}

export interface Records {
  answer(request: EmulatorRequest): EmulatorResponse;
}

/** Creates `perSecond` signatures a second from `fromMs` to `toMs`, each in both records. */
export function createRecords(perSecond: number, fromMs: number, toMs: number, nowMs: number): Records {
  const rows: Row[] = [];
  for (let i = 0; fromMs + (i * 1_000) / perSecond < toMs; i++) {
    rows.push(rowAt(Math.floor(fromMs + (i * 1_000) / perSecond), i));
  }
  const partitions = Map.groupBy(rows, ({ partition }) => partition);
  for (const list of partitions.values()) list.sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    answer: (request) =>
      request.url.pathname.startsWith("/v1/") ? answerLog(request, rows, nowMs) : answerTable(request, partitions),
  };
}

function rowAt(timeMs: number, number: number): Row {
  const hash = createHash("sha256").update(`${number}`).digest("hex");
  const time = timeMs.toString(16).padStart(12, "0");
  const id = `${time.slice(0, 8)}-${time.slice(8)}-7${hash.slice(0, 3)}-8${hash.slice(3, 6)}-${hash.slice(6, 18)}`;
  const requestId = `${hash.slice(18, 26)}-${hash.slice(26, 30)}-4${hash.slice(30, 33)}-8${hash.slice(33, 36)}-${hash.slice(36, 48)}`;
  const instance = `instance-${number % instances}`;
  const partition = partitionOf(parseGuid(id) ?? assertNever());
  const ledger = {
    ...{ PartitionKey: partition, RowKey: id, "time@odata.type": "Edm.DateTime", time: new Date(timeMs).toISOString() },
    ...{ keyName: "token-signing", keyVersion, outcome: "issued", vaultRequestId: requestId, instance },
  };
  const vault = [
    ...[new Date(timeMs).toISOString(), "KeySign", 200, requestId, keyUrl, `${keyUrl}/sign?api-version=7.6`],
    ...[signingObjectId, "bbbbbbbb-0000-4000-8000-000000000001", "10.0.0.4"],
    `keyhold/${instance} azsdk-js-keyvault-keys/4.10.2 core-rest-pipeline/1.22.2 Node/24.21.0 OS/(x64-Linux-6.6)`,
  ];
  return { timeMs, vault: JSON.stringify(vault), partition, id, ledger: JSON.stringify(ledger) };
}

function assertNever(): never {
  throw new RangeError("the id of a row is no GUID");
}

const columnsOf = (names: string, types: Record<string, string> = {}) =>
  JSON.stringify(names.split(" ").map((name) => ({ name, type: types[name] ?? "string" })));
const operationColumns = columnsOf(
  "TimeGenerated OperationName HttpStatusCode CorrelationId Id RequestUri ObjectId AppId CallerIpAddress ClientInfo",
  { TimeGenerated: "datetime", HttpStatusCode: "int" },
);
const refusalColumns = columnsOf(
  "ObjectId OperationName HttpStatusCode Requests LastTime TimeGenerated CorrelationId Id RequestUri AppId " +
    "CallerIpAddress ClientInfo",
);

function answerLog({ body }: EmulatorRequest, rows: readonly Row[], nowMs: number): EmulatorResponse {
  const { query } = JSON.parse(body.toString("utf8")) as { query: string };
  const [fromMs = 0, toMs = 0] = [...query.matchAll(/datetime\((.+?)\)/g)].map(([, time]) => Date.parse(time ?? ""));
  const maxRows = Number(/MaxRows = (\d+)/.exec(query)?.[1]);
  if (query.includes("print Now")) {
    return tableOf(columnsOf("Now", { Now: "datetime" }), [JSON.stringify([new Date(nowMs).toISOString()])]);
  }
  if (query.includes("ingestion_time()")) return answerArrivals(rows, fromMs, toMs);
  if (query.includes("Requests = count()")) return tableOf(refusalColumns, []);
  const found = rows.slice(lowerBound(rows, fromMs), lowerBound(rows, toMs)).slice(0, maxRows);
  return tableOf(
    operationColumns,
    found.map(({ vault }) => vault),
  );
}

/** Every row is ingested at once. */
function answerArrivals(rows: readonly Row[], fromMs: number, toMs: number): EmulatorResponse {
  const counts = new Map<number, number>();
  for (const { timeMs } of rows) {
    const startMs = Math.floor(timeMs / windowMs) * windowMs;
    if (timeMs >= fromMs && timeMs < toMs) counts.set(startMs, (counts.get(startMs) ?? 0) + 1);
  }
  const columns = columnsOf("Window Rows", { Window: "datetime", Rows: "long" });
  return tableOf(
    columns,
    [...counts].map(([startMs, count]) => JSON.stringify([new Date(startMs).toISOString(), count])),
  );
}

function tableOf(columns: string, rows: readonly string[]): EmulatorResponse {
  const table = `{"name":"PrimaryResult","columns":${columns},"rows":[${rows.join(",")}]}`;
  const headers = { "content-type": "application/json" };
  return { status: 200, headers, body: Buffer.from(`{"tables":[${table}]}`) };
}

/** `PartitionKey eq 'p' and RowKey ge 'a' and RowKey lt 'b'`, a thousand rows per page. */
function answerTable({ url }: EmulatorRequest, partitions: ReadonlyMap<string, readonly Row[]>): EmulatorResponse {
  const [, partition = "", from = "", to = ""] =
    /PartitionKey eq '(.+?)' and RowKey ge '(.+?)' and RowKey lt '(.+?)'/.exec(url.searchParams.get("$filter") ?? "") ??
    [];
  if (Number.isNaN(hourOfPartition(partition))) throw new RangeError("another filter than the audit's");
  const after = url.searchParams.get("NextRowKey") ?? from;
  const rows = partitions.get(partition) ?? [];
  const first = rows.findIndex(({ id }) => id >= after);
  const page = first < 0 ? [] : rows.slice(first, first + pageRows + 1).filter(({ id }) => id < to);
  const next = page.length > pageRows ? page.pop() : undefined;
  const headers: Record<string, string> = { "content-type": "application/json;odata=minimalmetadata" };
  if (next) {
    headers["x-ms-continuation-nextpartitionkey"] = partition;
    headers["x-ms-continuation-nextrowkey"] = next.id;
  }
  const body = `{"odata.metadata":"https://localhost/$metadata#ledger","value":[${page.map(({ ledger }) => ledger).join(",")}]}`;
  return { status: 200, headers, body: Buffer.from(body) };
}

function lowerBound(rows: readonly Row[], timeMs: number): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.timeMs ?? 0) < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
