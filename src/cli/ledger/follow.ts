import type { LedgerQuery, LedgerSearch, UnreadableRow } from "../../domain/audit/ledger-search.ts";
import type { Result } from "../../domain/shared/result.ts";
import type { LedgerEntry } from "../../domain/signing/ledger.ts";
import type { Output } from "../command-problem.ts";
import { type LedgerFormat, noteUnreadable, reading, writeHead, writeRow } from "./list.ts";
import { flatten, type NameOf } from "./row.ts";

/** Milliseconds between two reads. */
const pauseMs = 2_000;
/** Milliseconds. Outcomes are written after the answers: a row without one is printed as open only after this time. */
const openAfterMs = 30_000;
/** An outcome may be written for a quarter of an hour after its intent. */
const lookBackMs = 16 * 60_000;

interface FollowPorts {
  ledger: LedgerSearch;
  nameOf: NameOf;
  format: Exclude<LedgerFormat, "json">;
  output: Output;
  clock: () => number;
  /** Resolves to false if the operator stops the command. */
  pause: (ms: number) => Promise<boolean>;
}

/** Rows that were printed, by id: the outcome that was shown, and the time of the row in milliseconds since 1970. */
type Told = Map<string, { timeMs: number; outcome: string }>;

/**
 * `ledger --follow`: prints rows as they become known: each once with its outcome, and once before if the outcome is
 * late.
 */
export async function followLedger(query: LedgerQuery, ports: FollowPorts): Promise<void> {
  const { ledger, nameOf, format, output, clock, pause } = ports;
  const told: Told = new Map();
  writeHead(format, output);
  do {
    const nowMs = clock();
    const fromMs = Math.max(query.fromMs, nowMs - lookBackMs);
    // Reads a little into the future, because instances' clocks may be ahead of ours.
    const due: LedgerEntry[] = [];
    await reading(async () => {
      for await (const found of ledger.find({ ...query, fromMs, toMs: nowMs + 60_000 })) {
        if (!isNews(found, told, nowMs)) continue;
        if (found.ok) due.push(found.value);
        else noteUnreadable(found.refusal, output);
      }
    });
    for (const entry of due) writeRow(flatten(entry, nameOf), format, output);
    for (const [key, { timeMs }] of told) if (timeMs < nowMs - 2 * lookBackMs) told.delete(key);
  } while (await pause(pauseMs));
}

/**
 * Whether a row must be printed: its outcome has not been shown yet, or it has been open for too long. Marks it as
 * shown.
 */
function isNews(found: Result<LedgerEntry, UnreadableRow>, told: Told, nowMs: number): boolean {
  const key = found.ok ? found.value.intent.id : `${found.refusal.partition} ${found.refusal.rowKey}`;
  const outcome = found.ok ? (found.value.outcome?.outcome ?? "open") : "unreadable";
  const timeMs = found.ok ? found.value.intent.timeMs : nowMs;
  if (told.get(key)?.outcome === outcome) return false;
  if (outcome === "open" && nowMs - timeMs < openAfterMs) return false;
  told.set(key, { timeMs, outcome });
  return true;
}
