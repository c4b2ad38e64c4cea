/**
 * The views that the portal of Application Insights derives from the envelopes: the application map, the end-to-end
 * transaction, and the failures. They use the members that the portal uses: role, target and type, operation and
 * parent, success.
 */
import type { StoredEnvelope } from "./telemetry.ts";

/** An arrow of the application map. */
export interface MapEdge {
  from: string;
  to: string;
  type: string;
  calls: number;
  failed: number;
  meanMs: number;
}

/** A line of a transaction: a request or a dependency with its children, or an event within it. */
export interface TransactionItem {
  table: string;
  name: string;
  target?: string;
  time: string;
  durationMs?: number;
  success?: boolean;
  within: TransactionItem[];
}

export interface Failure {
  type: string;
  message: string;
  count: number;
  /** Frames of the last exception, as the portal parses them out of the stack: `method (file:line:column)`. */
  frames: string[];
}

interface BaseData {
  id?: string;
  name?: string;
  target?: string;
  type?: string;
  duration?: string;
  success?: boolean;
  message?: string;
  exceptions?: { typeName: string; message: string; stack?: string }[];
}

const dataOf = ({ envelope }: StoredEnvelope) => envelope.data.baseData as BaseData;

/** A dependency without a target, such as an invocation within the process, is not an arrow. */
export function applicationMap(stored: readonly StoredEnvelope[]): MapEdge[] {
  const edges = new Map<string, MapEdge>();
  for (const one of stored) {
    const { target, type = "", success, duration } = dataOf(one);
    if (one.table !== "AppDependencies" || !target) continue;
    const from = one.envelope.tags?.["ai.cloud.role"] ?? "";
    const key = JSON.stringify([from, target, type]);
    const edge = edges.get(key) ?? { from, to: target, type, calls: 0, failed: 0, meanMs: 0 };
    edge.meanMs = (edge.meanMs * edge.calls + milliseconds(duration)) / (edge.calls + 1);
    edge.calls += 1;
    if (success === false) edge.failed += 1;
    edges.set(key, edge);
  }
  return [...edges.values()];
}

/**
 * Everything with this operation id, as a tree. An item whose parent is not here, such as one of the host's, is a root.
 */
export function transaction(stored: readonly StoredEnvelope[], operationId: string): TransactionItem[] {
  const own = stored.filter(({ envelope }) => envelope.tags?.["ai.operation.id"] === operationId);
  const items = own.map((one) => ({
    parent: one.envelope.tags?.["ai.operation.parentId"],
    id: dataOf(one).id,
    item: itemOf(one),
  }));
  const byId = new Map(items.flatMap(({ id, item }) => (id ? [[id, item] as const] : [])));
  const roots: TransactionItem[] = [];
  for (const { parent, item } of items) (byId.get(parent ?? "")?.within ?? roots).push(item);
  for (const { item } of items) item.within.sort(byTime);
  return roots.sort(byTime);
}

/** Exceptions by class and message, most frequent first. */
export function failures(stored: readonly StoredEnvelope[]): Failure[] {
  const found = new Map<string, Failure>();
  for (const one of stored) {
    for (const { typeName: type, message, stack = "" } of dataOf(one).exceptions ?? []) {
      const frames = [...stack.matchAll(/^ +at (.+)$/gm)].map(([, frame = ""]) => frame);
      const key = JSON.stringify([type, message]);
      found.set(key, { type, message, count: (found.get(key)?.count ?? 0) + 1, frames });
    }
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

function itemOf(one: StoredEnvelope): TransactionItem {
  const { name, message, exceptions, target, duration, success } = dataOf(one);
  return {
    table: one.table,
    name: name ?? message ?? exceptions?.[0]?.typeName ?? "",
    ...(target && { target }),
    time: one.envelope.time,
    ...(duration !== undefined && { durationMs: milliseconds(duration) }),
    ...(success !== undefined && { success }),
    within: [],
  };
}

function byTime(a: TransactionItem, b: TransactionItem): number {
  return Date.parse(a.time) - Date.parse(b.time);
}

/** `[days.]hh:mm:ss.fff`. */
function milliseconds(duration = ""): number {
  const [, days = "0", hours, minutes, seconds] = /^(?:(\d+)\.)?(\d+):(\d+):([\d.]+)$/.exec(duration) ?? [];
  return Math.round((((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000) || 0;
}
