import { setTimeout as sleep } from "node:timers/promises";
import { RestError, TableClient } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import type { RecordEvent } from "../domain/events.ts";
import { Fault } from "../domain/fault.ts";
import type { Guid } from "../domain/guid.ts";
import type { Ledger, SignIntent, SignOutcome } from "../domain/sign-audit/ledger.ts";
import { errorClass } from "./error-class.ts";
import { partitionOf } from "./ledger-partition.ts";

/** Milliseconds for one write. */
const timeoutMs = 3_000;
/** A caller waits for the intent: one more try, soon. Nobody waits for the outcome: tries go on for a minute. */
const intentDelaysMs = [200];
const outcomeDelaysMs = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000];

export interface TableLedger extends Ledger {
  /** Resolves when no outcome is on its way any more. */
  drain(): Promise<void>;
}

/** The ledger in an Azure table. It writes and never reads or deletes; the table is made by the deployment. */
export function createTableLedger(url: string, credential: TokenCredential, record: RecordEvent): TableLedger {
  const { origin, pathname } = new URL(url);
  const table = new TableClient(origin, pathname.slice(1), credential, { retryOptions: { maxRetries: 0 } });
  const pending = new Set<Promise<void>>();
  return {
    async recordIntent(intent) {
      try {
        await retry(intentDelaysMs, () =>
          table.createEntity(intentEntity(intent), { abortSignal: AbortSignal.timeout(timeoutMs) }),
        );
      } catch (error) {
        throw new Fault("ledger_unavailable", { because: errorClass(error) });
      }
    },
    recordOutcome(id, outcome) {
      const write = retry(outcomeDelaysMs, () =>
        table.updateEntity(outcomeEntity(id, outcome), "Merge", { abortSignal: AbortSignal.timeout(timeoutMs) }),
      )
        .catch((error) =>
          record({ event: "ledger_outcome_lost", ledgerId: id, outcome: outcome.outcome, because: errorClass(error) }),
        )
        .finally(() => pending.delete(write));
      pending.add(write);
    },
    async drain() {
      await Promise.all(pending);
    },
  };
}

function intentEntity({ id, timeMs, ...intent }: SignIntent) {
  return { partitionKey: partitionOf(id), rowKey: id, time: new Date(timeMs), ...intent };
}

/** Only known members, so that nothing else of an outcome can ever get into a row. */
function outcomeEntity(id: Guid, outcome: SignOutcome) {
  const { codes, tokenExpiresAt, assertionExpiresAt, ...texts } = {
    codes: undefined,
    tokenExpiresAt: undefined,
    assertionExpiresAt: undefined,
    ...outcome,
  };
  return {
    partitionKey: partitionOf(id),
    rowKey: id,
    ...texts,
    ...(codes ? { codes: codes.join(" ") } : {}),
    ...(tokenExpiresAt ? { tokenExpiresAt: new Date(tokenExpiresAt * 1000) } : {}),
    ...(assertionExpiresAt ? { assertionExpiresAt: new Date(assertionExpiresAt * 1000) } : {}),
  };
}

async function retry(delaysMs: readonly number[], write: () => Promise<unknown>): Promise<void> {
  for (const delayMs of [...delaysMs, undefined]) {
    try {
      await write();
      return;
    } catch (error) {
      // Our own row from a try whose answer was lost: ids are never used twice.
      if (error instanceof RestError && error.statusCode === 409) return;
      if (delayMs === undefined) throw error;
      await sleep(delayMs);
    }
  }
}
