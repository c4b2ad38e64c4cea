import type { LedgerQuery, LedgerSearch } from "../../domain/audit/ledger-search.ts";
import type { LedgerEntry } from "../../domain/signing/ledger.ts";
import type { Output } from "../output.ts";
import { type LedgerFormat, noteUnreadable, reading, writeHead, writeRow } from "./list.ts";
import { flatten, type NameOf } from "./row.ts";

/** Between two readings. */
const pauseMs = 2_000;
/** Outcomes are written behind the answers: a row waits so long for its own before it is told as open. */
const openAfterMs = 30_000;
/** An outcome may be written for a quarter of an hour after its intent. */
const lookBackMs = 16 * 60_000;

export interface FollowPorts {
  ledger: LedgerSearch;
  nameOf: NameOf;
  format: Exclude<LedgerFormat, "json">;
  output: Output;
  clock: () => number;
  /** Resolves to false when the operator has had enough. */
  pause: (ms: number) => Promise<boolean>;
}

/** `ledger --follow`: rows as they come to be known, each once with its outcome, and once before if that is late. */
export async function followLedger(query: LedgerQuery, ports: FollowPorts): Promise<void> {
  const { ledger, nameOf, format, output, clock, pause } = ports;
  const told = new Map<string, { timeMs: number; outcome: string }>();
  writeHead(format, output);
  do {
    const nowMs = clock();
    const fromMs = Math.max(query.fromMs, nowMs - lookBackMs);
    // A little ahead: instances' clocks are not quite ours.
    const due: LedgerEntry[] = [];
    await reading(async () => {
      for await (const found of ledger.find({ ...query, fromMs, toMs: nowMs + 60_000 })) {
        const key = found.ok ? found.value.intent.id : `${found.refusal.partition} ${found.refusal.rowKey}`;
        const outcome = found.ok ? (found.value.outcome?.outcome ?? "open") : "unreadable";
        if (told.get(key)?.outcome === outcome) continue;
        const timeMs = found.ok ? found.value.intent.timeMs : nowMs;
        if (outcome === "open" && nowMs - timeMs < openAfterMs) continue;
        told.set(key, { timeMs, outcome });
        if (found.ok) due.push(found.value);
        else noteUnreadable(found.refusal, output);
      }
    });
    for (const entry of due) writeRow(flatten(entry, nameOf), format, output);
    for (const [key, { timeMs }] of told) if (timeMs < nowMs - 2 * lookBackMs) told.delete(key);
  } while (await pause(pauseMs));
}
