import type { Guid } from "../shared/guid.ts";

/** Events of the ledger: an outcome could not be stored, so its intent stays open. */
export type LedgerEvent = { event: "ledger_outcome_lost"; ledgerId: Guid; outcome: string; because: string };
