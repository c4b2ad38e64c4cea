import type { VaultLogReader } from "../../../src/domain/audit/ports.ts";
import { isRefused, isSign } from "../../../src/domain/audit/rows.ts";
import { windowMs } from "../../../src/domain/audit/sign-rate.ts";
import type { Refusals, VaultLogRow, WindowCount } from "../../../src/domain/audit/vault-log.ts";

/** A row that is ingested at one time and becomes visible at a later one. */
export interface LoggedRow {
  row: VaultLogRow;
  ingestedMs: number;
  visibleMs: number;
}

/**
 * The vault's log in memory, with the columns of infra/queries/vault-*.kql. Rows may be added and removed between
 * queries.
 */
export function createVaultLog(
  logged: readonly LoggedRow[],
  signingObjectId: string,
  clock: () => number,
): VaultLogReader {
  const visible = () => logged.filter(({ row, visibleMs }) => visibleMs <= clock() && isInScope(row, signingObjectId));
  const rowsOf = (fromMs: number, toMs: number) =>
    visible().flatMap(({ row }) => (row.timeMs >= fromMs && row.timeMs < toMs ? [row] : []));
  return {
    now: async () => clock(),
    read: async (fromMs, toMs) => carriedOut(rowsOf(fromMs, toMs)),
    refusals: async (fromMs, toMs) => groupRefusals(rowsOf(fromMs, toMs)),
    async arrivals(fromMs, toMs) {
      const counts: WindowCount[] = [];
      const windows = Map.groupBy(visible(), ({ row }) => Math.floor(row.timeMs / windowMs) * windowMs);
      for (const [startMs, rows] of windows) {
        const isTouched = rows.some(({ ingestedMs }) => ingestedMs >= fromMs && ingestedMs < toMs);
        if (isTouched) counts.push({ fromMs: startMs, rows: rows.length });
      }
      return counts;
    },
  };
}

function isInScope(row: VaultLogRow, signingObjectId: string): boolean {
  return row.httpStatus !== 401 && (isSign(row) || row.callerObjectId === signingObjectId);
}

export function carriedOut(rows: readonly VaultLogRow[]): VaultLogRow[] {
  return rows.filter((row) => !isRefused(row));
}

export function groupRefusals(rows: readonly VaultLogRow[]): Refusals[] {
  const refused = [...new Map(rows.filter(isRefused).map((row) => [JSON.stringify(row), row])).values()];
  const groups = Map.groupBy(refused, ({ callerObjectId, operation, httpStatus }) =>
    JSON.stringify([callerObjectId, operation, httpStatus]),
  );
  return [...groups.values()].flatMap((group) => {
    const inOrder = group.toSorted((a, b) => a.timeMs - b.timeMs || (a.requestId < b.requestId ? -1 : 1));
    const [first] = inOrder;
    return first ? [{ ...first, count: group.length, lastMs: inOrder.at(-1)?.timeMs ?? 0 }] : [];
  });
}
