import { Agent } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { RestError } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import { Fault } from "../../domain/shared/fault.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import type { LedgerEvent } from "../../domain/signing/events.ts";
import type { Ledger } from "../../domain/signing/ports.ts";

import { errorClass, parseRetryAfter, tableErrorCode } from "../azure/error.ts";
import { openTable, patience } from "./clients.ts";
import { intentEntity, outcomeEntity } from "./ledger-entity.ts";

/** A caller waits for the intent: one more try, soon, or none where storage asks for longer. */
const intentDelaysMs = [200];
const intentMaxWaitMs = 1_000;
/**
 * Nobody waits for the outcome: tries go on for a quarter of an hour. What waits is bounded, since a ledger that takes
 * no outcomes takes no intents either, and then nothing is signed.
 */
const outcomeDelaysMs = [500, 1_000, 2_000, 4_000, 8_000, 16_000, ...Array.from({ length: 28 }, () => 30_000)];
const outcomeMaxWaitMs = 60_000;
/** An instance that ends cannot wait: soon again, and for this long in all. The platform may end it before. */
const drainDelayMs = 1_000;
const drainWithinMs = 20_000;
const jitter = 0.2;
/**
 * Connections to storage. Without a bound every write that waits for slow storage opens one more, until handshakes are
 * all that an instance does, or its outbound ports are used up for vault and Entra too.
 */
const maxConnections = 32;

interface TableLedger extends Ledger {
  /** Resolves when every intent of ours has its outcome, or after some 20 s: those left stay open, and are told. */
  drain(): Promise<void>;
}

/** The ledger in an Azure table. It writes and never reads or deletes; the table is made by the deployment. */
export function createTableLedger(
  url: string,
  credential: TokenCredential,
  record: (event: LedgerEvent) => void,
): TableLedger {
  const agent = new Agent({ keepAlive: true, maxSockets: maxConnections });
  const table = openTable(url, credential, patience.request, agent);
  /** Intents whose outcome is not in the table yet. */
  const open = new Map<Guid, PromiseWithResolvers<void>>();
  const draining = new AbortController();
  let drainUntilMs = Number.POSITIVE_INFINITY;

  async function writeOutcome(write: () => Promise<unknown>): Promise<void> {
    for (const delayMs of [...outcomeDelaysMs, undefined]) {
      try {
        await write();
        return;
      } catch (error) {
        if (delayMs === undefined || performance.now() >= drainUntilMs) throw error;
        const waitMs = Math.min(Math.max(delayMs, retryAfterMs(error)), outcomeMaxWaitMs);
        await (draining.signal.aborted ? sleep(Math.min(waitMs, drainDelayMs)) : pause(waitMs, draining.signal));
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
      const write = () => table.updateEntity(entity, "Merge");
      writeOutcome(write)
        .catch((error) =>
          record({ event: "ledger_outcome_lost", ledgerId: id, outcome: outcome.outcome, because: errorClass(error) }),
        )
        .finally(() => {
          open.get(id)?.resolve();
          open.delete(id);
        });
    },
    async drain() {
      drainUntilMs = performance.now() + drainWithinMs;
      draining.abort();
      const end = new AbortController();
      const timeout = sleep(drainWithinMs + patience.request.withinMs + drainDelayMs, undefined, {
        signal: end.signal,
      }).catch(() => {});
      while (open.size > 0 && performance.now() < drainUntilMs) {
        await Promise.race([Promise.all([...open.values()].map(({ promise }) => promise)), timeout]);
      }
      end.abort();
    },
  };
}

/** Our own row from a try whose answer was lost: ids are never used twice. Other conflicts store nothing. */
function unlessStored(error: unknown): void {
  if (tableErrorCode(error) !== "EntityAlreadyExists") throw error;
}

function unavailable(error: unknown): Fault {
  const waitMs = retryAfterMs(error);
  const because = errorClass(error);
  return new Fault("ledger_unavailable", waitMs > 0 ? { because, retryAfterSeconds: waitMs / 1000 } : { because });
}

function retryAfterMs(error: unknown): number {
  const header = error instanceof RestError ? error.response?.headers.get("retry-after") : undefined;
  return 1000 * (parseRetryAfter(header, Date.now()) ?? 0);
}

/** Cut short by the signal. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms * (1 + jitter * Math.random()), undefined, { signal }).catch(() => {});
}
