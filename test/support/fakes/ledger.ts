import { Fault } from "../../../src/domain/shared/fault.ts";
import type { Guid } from "../../../src/domain/shared/guid.ts";
import type { SignIntent, SignOutcome } from "../../../src/domain/signing/ledger.ts";
import type { Ledger } from "../../../src/domain/signing/ports.ts";

/** The ledger in memory. */
export interface FakeLedger extends Ledger {
  readonly intents: SignIntent[];
  readonly outcomes: { id: Guid; outcome: SignOutcome }[];
  isDown: boolean;
}

export function createFakeLedger(journal: string[] = []): FakeLedger {
  const intents: SignIntent[] = [];
  const outcomes: { id: Guid; outcome: SignOutcome }[] = [];
  return {
    intents,
    outcomes,
    isDown: false,
    async recordIntent(intent) {
      journal.push("intent");
      // Takes a turn of the event loop, as a real write does, so that a caller that does not wait is detected.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.isDown) throw new Fault("ledger_unavailable", { because: "RestError 503" });
      intents.push(intent);
      journal.push("intent stored");
    },
    recordOutcome(id, outcome) {
      journal.push(`outcome ${outcome.outcome}`);
      outcomes.push({ id, outcome });
    },
  } satisfies FakeLedger;
}
