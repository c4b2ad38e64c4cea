import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { RestError, type TableClient } from "@azure/data-tables";

type Operation = "createEntity" | "getEntity" | "updateEntity" | "upsertEntity" | "deleteEntity" | "listEntities";

/** An Azure table in memory, with its ETags and its errors, as far as the SDK shows them. */
export interface FakeTable {
  readonly client: TableClient;
  readonly calls: Operation[];
  /** Called before each operation: a concurrent change, an error, or a wait. */
  meanwhile: (operation: Operation) => unknown;
  /** The properties of all rows, with their keys. */
  rows(): Record<string, unknown>[];
  /** The rows that list operations have returned. */
  readonly listed: Record<string, unknown>[];
  /** Another client of the same rows. */
  again(): FakeTable;
}

interface Row {
  etag: string;
  entity: { partitionKey: string; rowKey: string };
}

/** The error of the storage service with this status. */
export function tableError(statusCode: number): RestError {
  return new RestError("the key of a row", { statusCode });
}

export function createFakeTable(stored = new Map<string, Row>()): FakeTable {
  const calls: Operation[] = [];
  const listed: Record<string, unknown>[] = [];
  const keyOf = (partitionKey: string, rowKey: string) => JSON.stringify([partitionKey, rowKey]);
  const put = (entity: Row["entity"]) => {
    stored.set(keyOf(entity.partitionKey, entity.rowKey), { entity: structuredClone(entity), etag: randomUUID() });
  };
  const find = (partitionKey: string, rowKey: string, etag = "*"): Row => {
    const row = stored.get(keyOf(partitionKey, rowKey));
    if (row === undefined) throw tableError(404);
    if (etag !== "*" && etag !== row.etag) throw tableError(412);
    return row;
  };
  const asRead = ({ entity, etag }: Row) => ({ ...structuredClone(entity), etag });
  async function begin(operation: Operation): Promise<void> {
    calls.push(operation);
    await table.meanwhile(operation);
  }
  const client = {
    async createEntity(entity: Row["entity"]) {
      await begin("createEntity");
      if (stored.has(keyOf(entity.partitionKey, entity.rowKey))) throw tableError(409);
      put(entity);
    },
    async getEntity(partitionKey: string, rowKey: string) {
      await begin("getEntity");
      return asRead(find(partitionKey, rowKey));
    },
    async updateEntity(entity: Row["entity"], mode: "Replace", options: { etag?: string } = {}) {
      assert.equal(mode, "Replace");
      await begin("updateEntity");
      find(entity.partitionKey, entity.rowKey, options.etag);
      put(entity);
    },
    async upsertEntity(entity: Row["entity"], mode: "Replace" | "Merge") {
      assert.ok(["Replace", "Merge"].includes(mode));
      await begin("upsertEntity");
      const before = mode === "Merge" ? stored.get(keyOf(entity.partitionKey, entity.rowKey))?.entity : undefined;
      put({ ...before, ...entity });
    },
    async deleteEntity(partitionKey: string, rowKey: string, options: { etag?: string } = {}) {
      await begin("deleteEntity");
      find(partitionKey, rowKey, options.etag);
      stored.delete(keyOf(partitionKey, rowKey));
    },
    async *listEntities({ queryOptions = {} }: { queryOptions?: { select?: string[] } } = {}) {
      await begin("listEntities");
      for (const row of [...stored.values()].map(asRead)) {
        const entity = queryOptions.select ? only(row, queryOptions.select) : row;
        listed.push(entity);
        yield entity;
      }
    },
  };
  const table: FakeTable = {
    client: client as unknown as TableClient,
    calls,
    listed,
    again: () => createFakeTable(stored),
    meanwhile: () => {},
    rows: () => [...stored.values()].map(({ entity }) => structuredClone(entity)),
  };
  return table;
}

/** Only these properties (the keys have other names in a query). Empty means all. */
function only(entity: Record<string, unknown>, select: readonly string[]): Record<string, unknown> {
  const names = select.map((name) =>
    name.replace(/^PartitionKey$|^RowKey$/, (key) => key.charAt(0).toLowerCase() + key.slice(1)),
  );
  return names.length === 0 ? entity : Object.fromEntries(names.map((name) => [name, entity[name]]));
}
