/** When an outcome that storage did not accept is written again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RestError } from "@azure/data-tables";
import { DeadlineExceeded } from "../../../../src/adapters/azure/deadline.ts";
import { outcomeWaitMs } from "../../../../src/adapters/storage/ledger-writer.ts";
import { startMs } from "../../../support/fakes/clock.ts";

/** Storage is busy and says for how long. */
function busy(retryAfter?: string): RestError {
  const headers = new Headers(retryAfter === undefined ? {} : { "retry-after": retryAfter });
  return Object.assign(new RestError("busy", { statusCode: 503 }), { response: { status: 503, headers } });
}

test("an outcome waits as long as storage announced, at most an hour, and otherwise as scheduled", () => {
  const waits: [error: unknown, delayMs: number, waitMs: number][] = [
    [busy(), 500, 500],
    [busy("1"), 500, 1_000],
    [busy("1"), 30_000, 30_000],
    [busy("61"), 500, 61_000],
    [busy("3600"), 30_000, 3_600_000],
    [busy("86400"), 500, 3_600_000],
    [busy("soon"), 500, 500],
    [busy(new Date(startMs + 600_000).toUTCString()), 500, 600_000],
    [busy(new Date(startMs - 1_000).toUTCString()), 500, 500],
    [new DeadlineExceeded(), 500, 500],
  ];
  for (const [error, delayMs, waitMs] of waits) assert.equal(outcomeWaitMs(delayMs, error, startMs), waitMs);
});
