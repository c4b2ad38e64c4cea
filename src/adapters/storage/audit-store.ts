import { RestError } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import type { Finding } from "../../domain/audit/findings.ts";
import type { AuditStore } from "../../domain/audit/ports.ts";
import type { JudgedWindow } from "../../domain/audit/sign-rate.ts";
import type { AuditState } from "../../domain/audit/windows.ts";
import { openTable, patience } from "./clients.ts";

/**
 * State, findings and rates of the audit in one Azure table. Findings lie by window, so that a repeated evaluation
 * meets what the one before has found; rates by key and month. Nothing is deleted: a finding that vanished is resolved.
 */
export function createTableAuditStore(url: string, credential: TokenCredential): AuditStore {
  const table = openTable(url, credential, patience.background);
  const statePlace = { partitionKey: "state", rowKey: "audit" };

  async function list<T>(filter: string, read: (row: Record<string, unknown>) => T): Promise<T[]> {
    const values: T[] = [];
    for await (const row of table.listEntities({ queryOptions: { filter } })) values.push(read(row));
    return values;
  }

  return {
    async loadState() {
      try {
        const { json, etag } = await table.getEntity<{ json: string }>(statePlace.partitionKey, statePlace.rowKey);
        return { state: JSON.parse(json) as AuditState, etag };
      } catch (error) {
        if (error instanceof RestError && error.statusCode === 404) return undefined;
        throw error;
      }
    },
    async saveState(state, etag) {
      const entity = { ...statePlace, json: JSON.stringify(state) };
      try {
        const saved =
          etag === undefined ? await table.createEntity(entity) : await table.updateEntity(entity, "Replace", { etag });
        return { etag: saved.etag ?? "" };
      } catch (error) {
        if (error instanceof RestError && (error.statusCode === 412 || error.statusCode === 409)) return "conflict";
        throw error;
      }
    },
    findingsOf: (windowFromMs) =>
      list(`PartitionKey eq '${findingPartition(windowFromMs)}' and resolved eq false`, ({ json }) =>
        JSON.parse(String(json)),
      ),
    async putFindings(windowFromMs, findings, resolved) {
      const put = (finding: Finding, isResolved: boolean) =>
        table.upsertEntity(
          {
            partitionKey: findingPartition(windowFromMs),
            rowKey: finding.id,
            kind: finding.kind,
            severity: finding.severity,
            time: new Date(finding.timeMs),
            resolved: isResolved,
            json: JSON.stringify(finding),
          },
          "Replace",
        );
      for (const finding of findings) await put(finding, false);
      for (const finding of resolved) await put(finding, true);
    },
    async windowsSince(fromMs) {
      const months = monthsSince(fromMs, Date.now());
      const history = new Map<string, Map<number, JudgedWindow>>();
      for (const month of months) {
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

function monthsSince(fromMs: number, toMs: number): string[] {
  const months = new Set<string>();
  for (let timeMs = fromMs; timeMs < toMs; timeMs += 86_400_000) months.add(monthOf(timeMs));
  months.add(monthOf(toMs));
  return [...months];
}
