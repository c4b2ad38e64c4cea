import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createTableLedger } from "../../../../src/adapters/storage/ledger-writer.ts";
import type { LedgerEvent } from "../../../../src/domain/signing/events.ts";
import { createLedgerId } from "../../../../src/domain/signing/ledger-id.ts";
import { startMs } from "../../../support/fakes/clock.ts";

test("an outcome is written after the answer: nothing begins before the turn in which it is recorded has ended", async () => {
  let requests = 0;
  const credential = {
    async getToken(): Promise<never> {
      requests += 1;
      throw new Error("no token");
    },
  };
  const events: LedgerEvent[] = [];
  const ledger = createTableLedger("https://127.0.0.1:1/ledger", credential, (event) => events.push(event));
  const ledgerId = createLedgerId(startMs);
  ledger.recordOutcome(ledgerId, { outcome: "not_signed", fault: "signer_unavailable" });
  // Whatever an answer still awaits without I/O.
  for (let i = 0; i < 1_000; i++) await undefined;
  assert.equal(requests, 0);
  for (let turns = 0; requests === 0 && turns < 1_000; turns++) await nextTurn();
  assert.ok(requests > 0);
  await ledger.drain();
  assert.deepEqual(events, [
    { event: "ledger_outcome_lost", ledgerId, outcome: "not_signed", because: "drain_deadline_exceeded" },
  ]);
});
