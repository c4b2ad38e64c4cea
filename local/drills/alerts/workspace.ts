/**
 * An emulated workspace with the rows that the app, the vault, storage and Azure write. Times are minutes before now.
 */
import { attributesOf } from "../../../src/adapters/telemetry/attributes.ts";
import type { KeyholdEvent } from "../../../src/domain/events.ts";
import { answerTrack, type StoredEnvelope } from "../../emulators/azure-monitor/telemetry.ts";
import { ingested, type Row, type Tables } from "../../kusto/values.ts";
import { sample } from "./rules.ts";

const minuteMs = 60_000;
/** The delay before a new row can be queried, in minutes. */
const lagMinutes = 1;

export const stranger = "90000000-dead-4000-8000-000000000001";

export class Workspace {
  readonly nowMs: number;
  private readonly rows: Record<string, Row[]> = {
    ...{
      AZKVAuditLogs: [],
      AppEvents: [],
      AppMetrics: [],
      AzureActivity: [],
      StorageBlobLogs: [],
      StorageTableLogs: [],
    },
  };

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  get tables(): Tables {
    return this.rows;
  }

  private add(table: string, minutesAgo: number, row: Row): void {
    const time = this.nowMs - minutesAgo * minuteMs;
    const ingestedMs = Math.min(time + lagMinutes * minuteMs, this.nowMs);
    this.rows[table]?.push({ TimeGenerated: time, ...row, [ingested]: ingestedMs });
  }

  /** Adds an event of the app, through the emulated ingestion endpoint. */
  event(minutesAgo: number, event: KeyholdEvent, times = 1): this {
    for (const { name, properties } of track(event, times))
      this.add("AppEvents", minutesAgo, { _ResourceId: sample.insightsId, Name: name, Properties: properties });
    return this;
  }

  /** Adds a metric of an instance: a total since its start. */
  metric(minutesAgo: number, name: string, total: number): this {
    const row = {
      _ResourceId: sample.insightsId,
      Name: name,
      Max: total,
      AppRoleInstance: "instance-1",
      Properties: {},
    };
    this.add("AppMetrics", minutesAgo, row);
    return this;
  }

  /** Adds a request that the vault answered. */
  vault(
    minutesAgo: number,
    operation: string,
    { caller = sample.signer, status = 200, key = "billing", times = 1 } = {},
  ): this {
    for (let i = 0; i < times; i++) {
      this.add("AZKVAuditLogs", minutesAgo, {
        ...{
          _ResourceId: sample.vaultId,
          OperationName: operation,
          HttpStatusCode: status,
          CallerIpAddress: "203.0.113.9",
        },
        ...{ Id: `https://v.vault.azure.net/keys/${key}/1`, RequestUri: "", Identity: { claim: { oid: caller } } },
      });
    }
    return this;
  }

  /** Adds a successful operation of Azure Resource Manager, as the activity log exports it. */
  activity(operation: string, caller: string, resourceId = `${sample.groupId}/providers/x/y`): this {
    const group = /\/resourceGroups\/([^/]+)/i.exec(resourceId)?.[1] ?? "";
    this.add("AzureActivity", 3, {
      ...{
        OperationNameValue: operation.toUpperCase(),
        ActivityStatusValue: "Success",
        CallerIpAddress: "203.0.113.9",
      },
      ...{ Caller: "somebody", ResourceGroup: group, _ResourceId: resourceId.toLowerCase() },
      Claims_d: { "http://schemas.microsoft.com/identity/claims/objectidentifier": caller },
    });
    return this;
  }

  blob(account: string, path: string, operation: string, caller: string): this {
    return this.storage(
      "StorageBlobLogs",
      account,
      `https://${account}.blob.core.windows.net/${path}`,
      operation,
      caller,
    );
  }

  row(operation: string, caller: string): this {
    const uri = `https://${sample.dataAccount}.table.core.windows.net/ledger`;
    return this.storage("StorageTableLogs", sample.dataAccount, uri, operation, caller);
  }

  private storage(table: string, account: string, uri: string, operation: string, caller: string): this {
    const category = operation.startsWith("Delete") ? "StorageDelete" : "StorageWrite";
    this.add(table, 3, {
      ...{ AccountName: account, Uri: uri, OperationName: operation, Category: category, StatusCode: 201 },
      ...{ RequesterObjectId: caller, CallerIpAddress: "203.0.113.9:443", _ResourceId: "" },
    });
    return this;
  }

  /** Removes rows, as if a part was silent or the log was cut. */
  without(table: string, isGone: (row: Row, minutesAgo: number) => boolean): this {
    const minutesAgo = ({ TimeGenerated }: Row) => (this.nowMs - Number(TimeGenerated)) / minuteMs;
    this.rows[table] = (this.rows[table] ?? []).filter((row) => !isGone(row, minutesAgo(row)));
    return this;
  }
}

/** A day without incidents: the timers finish, callers get tokens, the vault signs for each. */
export function healthyWorkspace(nowMs: number): Workspace {
  const workspace = new Workspace(nowMs);
  for (let minutes = 1; minutes < 200; minutes += 5)
    workspace.event(minutes, {
      event: "sign_audit_finished",
      windows: 1,
      covered: 0,
      open: 0,
      lagSeconds: 900,
      expiredRows: 0,
    });
  workspace.event(40, { event: "metadata_refresh_finished", sources: 3, durationMs: 900 });
  workspace.event(50, { event: "credentials_checked", clients: 1, canaries: 1, durationMs: 900 });
  for (let minutes = 2; minutes < 1600; minutes += 4) workspace.vault(minutes, "KeySign");
  workspace.vault(5, "Authentication", { caller: "", status: 401 }).vault(6, "KeyGet", { caller: stranger });
  workspace.row("InsertEntity", sample.storage).blob(sample.dataAccount, "metadata/a", "PutBlob", sample.storage);
  return workspace;
}

/** The custom events of Application Insights as its ingestion endpoint stores them. */
function track(event: KeyholdEvent, times: number): { name: string; properties: Record<string, string> }[] {
  const properties = Object.fromEntries(
    Object.entries(attributesOf(event)).map(([name, value]) => [name, String(value)]),
  );
  const envelope = {
    ...{ name: "Microsoft.ApplicationInsights.Event", time: new Date(0).toISOString() },
    data: { baseType: "EventData", baseData: { name: event.event, properties } },
  };
  const stored: StoredEnvelope[] = [];
  const body = Buffer.from(JSON.stringify(Array.from({ length: times }, () => envelope)));
  answerTrack(stored, { body, headers: {} } as Parameters<typeof answerTrack>[1]);
  return stored.map(({ envelope: { data } }) => data.baseData as { name: string; properties: Record<string, string> });
}
