import { Agent } from "node:https";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { RestError } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import { Fault } from "../../domain/shared/fault.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import type { LedgerEvent } from "../../domain/signing/events.ts";
import type { SignOutcome } from "../../domain/signing/ledger.ts";
import type { Ledger } from "../../domain/signing/ports.ts";
import { within } from "../azure/deadline.ts";
import { errorClass, parseRetryAfter, tableErrorCode } from "../azure/error.ts";
import { openConnection, openTable, patience } from "./clients.ts";
import { intentEntity, outcomeEntity } from "./ledger-entity.ts";

/** A caller waits for the intent: one quick retry, or none if storage sends a longer `Retry-After`. */
const intentDelaysMs = [200];
const intentMaxWaitMs = 1_000;
/**
 * No request waits for the outcome: it is retried for a quarter of an hour, and longer if storage sends `Retry-After` (at
 * most an hour for each attempt). The number of waiting outcomes is bounded: a ledger that rejects outcomes rejects
 * intents too, and then nothing is signed.
 */
const outcomeDelaysMs = [500, 1_000, 2_000, 4_000, 8_000, 16_000, ...Array.from({ length: 28 }, () => 30_000)];
/**
 * The platform gives an instance 5 s to shut down, and telemetry is flushed after this. So all outcomes have this much
 * time, with short attempts in quick succession. Outcomes that remain are reported while the report can still be sent.
 */
const drainWithinMs = 2_300;
const drainAttemptMs = 1_000;
const drainDelayMs = 200;
const jitter = 0.2;
/**
 * Maximum connections to storage. Without a bound every write that waits for slow storage opens another one, until the
 * instance does nothing but handshakes, or has no outbound ports left for vault and Entra either.
 */
const maxConnections = 32;

interface TableLedger extends Ledger {
  /**
   * Resolves when every intent of this instance has its outcome, or after 2.3 s. The remaining intents stay open, and
   * `ledger_outcome_lost` has been recorded for each outcome that was not written. Never rejects.
   */
  drain(): Promise<void>;
  /** Gets a token and a connection for the table. */
  connect(): Promise<void>;
}

/** The ledger in an Azure table. It only writes, and never reads or deletes. The deployment creates the table. */
export function createTableLedger(
  url: string,
  credential: TokenCredential,
  record: (event: LedgerEvent) => void,
): TableLedger {
  const agent = new Agent({ keepAlive: true, maxSockets: maxConnections });
  const table = openTable(url, credential, patience.request, agent);
  /** Intents whose outcome is not in the table yet. */
  const open = new Map<Guid, PromiseWithResolvers<void>>();
  /** Outcomes that are being written, by the id of their intent. */
  const unwritten = new Map<Guid, SignOutcome>();
  const draining = new AbortController();
  /** Aborts the attempts that were in progress when the drain started. */
  const cutOff = new AbortController();
  let isDrained = false;

  function close(id: Guid): void {
    unwritten.delete(id);
    open.get(id)?.resolve();
    open.delete(id);
  }

  function reportLost(id: Guid, because: string): void {
    const outcome = unwritten.get(id);
    if (outcome) record({ event: "ledger_outcome_lost", ledgerId: id, outcome: outcome.outcome, because });
    close(id);
  }

  async function writeOutcome(write: (abortSignal: AbortSignal) => Promise<unknown>): Promise<void> {
    // The SDK takes milliseconds to build a request, so the answer is sent first.
    await nextTurn();
    for (const delayMs of [...outcomeDelaysMs, undefined]) {
      try {
        await (draining.signal.aborted ? within(drainAttemptMs, write) : write(cutOff.signal));
        return;
      } catch (error) {
        if (delayMs === undefined || isDrained) throw error;
        await (draining.signal.aborted
          ? sleep(drainDelayMs)
          : pause(outcomeWaitMs(delayMs, error, Date.now()), draining.signal));
      }
    }
  }

  return {
    async recordIntent(intent) {
      const create = () => table.createEntity(intentEntity(intent)).catch(unlessStored);
      for (const delayMs of [...intentDelaysMs, undefined]) {
        try {
          await create();
          break;
        } catch (error) {
          const waitMs = retryAfterMs(error);
          if (delayMs === undefined || waitMs > intentMaxWaitMs) throw unavailable(error);
          await sleep(Math.max(delayMs, waitMs) * (1 + jitter * Math.random()));
        }
      }
      open.set(intent.id, Promise.withResolvers());
    },
    recordOutcome(id, outcome) {
      const entity = outcomeEntity(id, outcome);
      unwritten.set(id, outcome);
      writeOutcome((abortSignal) => table.updateEntity(entity, "Merge", { abortSignal })).then(
        () => close(id),
        (error) => reportLost(id, errorClass(error)),
      );
    },
    connect: () => openConnection(table),
    async drain() {
      draining.abort();
      const cut = setTimeout(() => cutOff.abort(), drainAttemptMs);
      const allClosed = async () => {
        while (open.size > 0) await Promise.all([...open.values()].map(({ promise }) => promise));
      };
      await within(drainWithinMs, allClosed).catch(() => {});
      clearTimeout(cut);
      isDrained = true;
      for (const id of [...unwritten.keys()]) reportLost(id, "drain_deadline_exceeded");
    },
  };
}

/**
 * Ignores the conflict with our own row, from an attempt whose answer was lost; ids are never used twice. After any
 * other conflict nothing is stored.
 */
function unlessStored(error: unknown): void {
  if (tableErrorCode(error) !== "EntityAlreadyExists") throw error;
}

function unavailable(error: unknown): Fault {
  const waitMs = retryAfterMs(error);
  const because = errorClass(error);
  return new Fault("ledger_unavailable", waitMs > 0 ? { because, retryAfterSeconds: waitMs / 1000 } : { because });
}

/** Milliseconds until an outcome is written again; never before the end of storage's `Retry-After`. */
export function outcomeWaitMs(delayMs: number, error: unknown, nowMs: number): number {
  return Math.max(delayMs, retryAfterMs(error, nowMs));
}

function retryAfterMs(error: unknown, nowMs: number = Date.now()): number {
  const header = error instanceof RestError ? error.response?.headers.get("retry-after") : undefined;
  return 1000 * (parseRetryAfter(header, nowMs) ?? 0);
}

/** Waits, with jitter; ends early if the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms * (1 + jitter * Math.random()), undefined, { signal }).catch(() => {});
}
