import type { Guid } from "../shared/guid.ts";

/** Of the ledger: an outcome that could not be stored, so that the intent stays open. */
export type LedgerEvent = { event: "ledger_outcome_lost"; ledgerId: Guid; outcome: string; because: string };
