/** The requests that Keyhold reported, and where their time was spent according to its own spans. */
import type { StoredEnvelope } from "../../emulators/azure-monitor/emulator.ts";
import type { Call, RequestRow } from "../snapshot.ts";
import type { LoggedEvent } from "./log-tail.ts";
import { nameOf } from "./names.ts";

const keptRequests = 40;
const keptSpans = 400;

const targets: Record<string, Call["to"]> = {
  "ledger intent": "ledger",
  "Key Vault sign": "vault",
  "Entra token": "entra",
};

interface SpanFacts {
  id: string;
  parentId: string;
  name: string;
  correlationId: string;
  startMs: number;
  tookMs: number;
  error?: string;
}

export function createRequests() {
  const rows: RequestRow[] = [];
  const spans: SpanFacts[] = [];

  /** The invocation's own span arrives last. The calls within it are complete then. */
  function measure(row: RequestRow): void {
    const own = spans.find(({ correlationId }) => correlationId === row.id);
    if (!own || row.calls) return;
    row.calls = spans
      .filter(({ parentId, name }) => parentId === own.id && targets[name] !== undefined)
      .sort((a, b) => a.startMs - b.startMs)
      .map(({ name, startMs, tookMs, error }) => {
        const fromMs = Math.max(0, startMs - own.startMs);
        return { to: targets[name] ?? "vault", fromMs, tookMs, ...(error !== undefined && { error }) };
      });
  }

  return {
    take(events: readonly LoggedEvent[], envelopes: readonly StoredEnvelope[]): void {
      for (const { table, envelope } of envelopes) {
        if (table !== "AppDependencies") continue;
        spans.push(spanOf(envelope));
      }
      spans.splice(0, Math.max(0, spans.length - keptSpans));
      for (const event of events) if (event.event === "request_answered") rows.unshift(rowOf(event));
      rows.length = Math.min(rows.length, keptRequests);
      for (const row of rows) measure(row);
    },
    /** A refusal after the signature does not name its caller; the ledger does. */
    rows(ledger: readonly Record<string, unknown>[]): RequestRow[] {
      return rows.map((row) => (row.caller === "" ? { ...row, caller: callerIn(ledger, row) } : row));
    },
  };
}

function callerIn(
  ledger: readonly Record<string, unknown>[],
  { timeMs, durationMs, tenant, scope }: RequestRow,
): string {
  const found = ledger.find((entry) => {
    const intentMs = entry.time instanceof Date ? entry.time.getTime() : Date.parse(String(entry.time));
    const isWithin = intentMs >= timeMs - durationMs - 5 && intentMs <= timeMs;
    return isWithin && nameOf(entry.tenantId) === tenant && entry.scope === scope;
  });
  return typeof found?.callerName === "string" ? found.callerName : "";
}

function spanOf({ time, tags = {}, data: { baseData } }: StoredEnvelope["envelope"]): SpanFacts {
  const {
    id = "",
    name = "",
    duration = "",
    properties = {},
  } = baseData as Record<string, string> & {
    properties?: Record<string, string>;
  };
  const { correlationId = "", error } = properties as Record<string, string>;
  return {
    id,
    name,
    correlationId,
    parentId: tags["ai.operation.parentId"] ?? "",
    startMs: Date.parse(time),
    tookMs: milliseconds(duration),
    ...(error !== undefined && { error }),
  };
}

/** `[days.]hh:mm:ss.fff`. */
function milliseconds(duration: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = duration.split(":").map(Number);
  return Math.round(((hours * 60 + minutes) * 60 + seconds) * 1000) || 0;
}

function rowOf(event: LoggedEvent): RequestRow {
  const reason = reasonOf(event);
  // The refusal names the caller.
  const { callerObjectId = event.callerObjectId } = (event.refusal ?? {}) as { callerObjectId?: unknown };
  return {
    id: String(event.correlationId),
    timeMs: Date.parse(event.time),
    durationMs: Number(event.durationMs),
    operation: String(event.operation),
    caller: typeof event.callerName === "string" ? event.callerName : nameOf(callerObjectId),
    tenant: nameOf(event.tenantId),
    scope: String(event.scope ?? "").slice(0, 200),
    outcome: event.outcome as RequestRow["outcome"],
    cached: event.cached === true,
    ...(reason !== undefined && { reason }),
  };
}

function reasonOf({ refusal, fault }: LoggedEvent): string | undefined {
  const { reason, because, codes } = (refusal ?? {}) as { reason?: string; because?: string; codes?: number[] };
  const {
    code,
    because: cause,
    codes: faultCodes,
  } = (fault ?? {}) as { code?: string; because?: string; codes?: number[] };
  const parts = [reason ?? code, because ?? cause, ...(codes ?? faultCodes ?? []).map((number) => `AADSTS${number}`)];
  const text = parts.filter(Boolean).join(", ");
  return text === "" ? undefined : text.slice(0, 300);
}
