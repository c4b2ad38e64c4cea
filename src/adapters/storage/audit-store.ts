import { odata, RestError, type TransactionAction } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import type { Finding } from "../../domain/audit/findings.ts";
import type { AuditStore } from "../../domain/audit/ports.ts";
import type { JudgedWindow } from "../../domain/audit/sign-rate.ts";
import type { AuditState, WindowLook } from "../../domain/audit/windows.ts";
import { openTable, patience } from "./clients.ts";

const statePlace = { partitionKey: "state", rowKey: "audit" };
const revisitPartition = "revisit";
/** Maximum entities in one transaction, all of one partition (Azure Tables, "Performing entity group transactions"). */
const maxBatch = 100;

/** The form in which state was stored up to 0.1: the windows to be checked again are in a property of at most 64 KB. */
interface StoredState extends AuditState {
  revisit?: readonly number[];
}

/**
 * The audit's stored data, in one Azure table: its state, the last look at each window by month, windows to be checked
 * again, findings by window, and rates by key and month. Findings are kept by window, so that a repeated evaluation
 * sees the findings of the one before. No finding is deleted; one that no longer applies is resolved.
 */
export function createTableAuditStore(url: string, credential: TokenCredential): AuditStore {
  const table = openTable(url, credential, patience.background);

  async function list<T>(filter: string, read: (row: Record<string, unknown>) => T): Promise<T[]> {
    const values: T[] = [];
    for await (const row of table.listEntities({ queryOptions: { filter } })) values.push(read(row));
    return values;
  }

  async function putAll(entities: readonly { partitionKey: string; rowKey: string }[]): Promise<void> {
    for (let i = 0; i < entities.length; i += maxBatch) {
      const batch = entities.slice(i, i + maxBatch);
      await table.submitTransaction(batch.map((entity): TransactionAction => ["upsert", entity, "Replace"]));
    }
  }

  const addRevisits: AuditStore["addRevisits"] = (startsMs) =>
    putAll(startsMs.map((fromMs) => ({ partitionKey: revisitPartition, rowKey: rowOf(fromMs) })));

  return {
    async loadState() {
      try {
        const { json, etag } = await table.getEntity<{ json: string }>(statePlace.partitionKey, statePlace.rowKey);
        const { watermarkMs, arrivalsToMs, revisit = [] } = JSON.parse(json) as StoredState;
        await addRevisits(revisit);
        return { state: { watermarkMs, arrivalsToMs }, etag };
      } catch (error) {
        if (error instanceof RestError && error.statusCode === 404) return undefined;
        throw error;
      }
    },
    async saveState(state, etag) {
      // An instance of the previous version reads `revisit`: while it is being replaced, or after a rollback.
      const entity = { ...statePlace, json: JSON.stringify({ ...state, revisit: [] } satisfies StoredState) };
      try {
        const saved =
          etag === undefined ? await table.createEntity(entity) : await table.updateEntity(entity, "Replace", { etag });
        return { etag: saved.etag ?? "" };
      } catch (error) {
        if (error instanceof RestError && (error.statusCode === 412 || error.statusCode === 409)) return "conflict";
        throw error;
      }
    },
    async looks(fromMs, toMs) {
      const looks = new Map<number, WindowLook>();
      for (const month of monthsBetween(fromMs, toMs)) {
        const partition = odata`PartitionKey eq ${`look_${month}`}`;
        const filter = `${partition} and ${odata`RowKey ge ${rowOf(fromMs)} and RowKey lt ${rowOf(toMs)}`}`;
        const read = ({ json }: Record<string, unknown>) => JSON.parse(String(json)) as WindowLook;
        for (const look of await list(filter, read)) looks.set(look.fromMs, look);
      }
      return looks;
    },
    async putLook(look) {
      const place = { partitionKey: `look_${monthOf(look.fromMs)}`, rowKey: rowOf(look.fromMs) };
      await table.upsertEntity({ ...place, json: JSON.stringify(look) }, "Replace");
    },
    async revisits(limit) {
      const pages = table.listEntities({ queryOptions: { filter: odata`PartitionKey eq ${revisitPartition}` } });
      for await (const page of pages.byPage({ maxPageSize: limit })) {
        if (page.length > 0) return page.map(({ rowKey, etag }) => ({ fromMs: Number(rowKey), etag }));
      }
      return [];
    },
    addRevisits,
    async removeRevisit({ fromMs, etag }) {
      try {
        await table.deleteEntity(revisitPartition, rowOf(fromMs), { etag });
      } catch (error) {
        // 412: the window was requested again since it was read. 404: another run has removed it.
        if (!(error instanceof RestError && (error.statusCode === 412 || error.statusCode === 404))) throw error;
      }
    },
    findingsOf: (windowFromMs) =>
      list(`PartitionKey eq '${findingPartition(windowFromMs)}' and resolved eq false`, ({ json }) =>
        JSON.parse(String(json)),
      ),
    openFindings(fromMs) {
      const range = odata`PartitionKey ge ${findingPartition(fromMs)} and PartitionKey lt ${"finding_~"}`;
      return list(`${range} and resolved eq false`, ({ partitionKey, json, noted }) => ({
        windowFromMs: Date.parse(String(partitionKey).slice("finding_".length)),
        finding: JSON.parse(String(json)) as Finding,
        isNoted: noted === true,
      }));
    },
    async markNoted(findings) {
      for (const { windowFromMs, finding } of findings) {
        const place = { partitionKey: findingPartition(windowFromMs), rowKey: finding.id };
        await table.updateEntity({ ...place, noted: true }, "Merge");
      }
    },
    putFindings(windowFromMs, findings, resolved) {
      const entityOf = (finding: Finding, isResolved: boolean) => ({
        partitionKey: findingPartition(windowFromMs),
        rowKey: finding.id,
        kind: finding.kind,
        severity: finding.severity,
        time: new Date(finding.timeMs),
        resolved: isResolved,
        json: JSON.stringify(finding),
      });
      return putAll([...findings.map((one) => entityOf(one, false)), ...resolved.map((one) => entityOf(one, true))]);
    },
    async windowsSince(fromMs) {
      const history = new Map<string, Map<number, JudgedWindow>>();
      for (const month of monthsBetween(fromMs, Date.now())) {
        const filter = `PartitionKey ge 'rate_${month}_' and PartitionKey lt 'rate_${month}_~' and RowKey ge '${rowOf(fromMs)}'`;
        await list(filter, ({ keyName, json }) => {
          const window = JSON.parse(String(json)) as JudgedWindow;
          const ofKey = history.get(String(keyName)) ?? new Map<number, JudgedWindow>();
          history.set(String(keyName), ofKey.set(window.startMs, window));
        });
      }
      return history;
    },
    async putWindow(keyName, window) {
      const partitionKey = `rate_${monthOf(window.startMs)}_${keyName}`;
      const entity = { partitionKey, rowKey: rowOf(window.startMs), keyName, json: JSON.stringify(window) };
      await table.upsertEntity({ ...entity, signs: window.signs, verdict: window.verdict }, "Replace");
    },
  };
}

function findingPartition(windowFromMs: number): string {
  return `finding_${new Date(windowFromMs).toISOString()}`;
}

function monthOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 7);
}

function rowOf(timeMs: number): string {
  return String(timeMs).padStart(15, "0");
}

function monthsBetween(fromMs: number, toMs: number): string[] {
  const months = new Set<string>();
  for (let timeMs = fromMs; timeMs < toMs; timeMs += 86_400_000) months.add(monthOf(timeMs));
  months.add(monthOf(toMs));
  return [...months];
}
