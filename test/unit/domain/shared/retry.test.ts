import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Fault, type FaultCode } from "../../../../src/domain/shared/fault.ts";
import { partDeadline, withRetry } from "../../../../src/domain/shared/retry.ts";
import { createFakeClock, startMs } from "../../../support/fakes/clock.ts";

function setUp({ random = 0, deadlineSeconds = 20 } = {}) {
  const clock = createFakeClock();
  const sleeps: number[] = [];
  const signal = new AbortController().signal;
  const ports = {
    clock: clock.now,
    random: () => random,
    sleep: async (ms: number, given: AbortSignal) => {
      assert.equal(given, signal);
      sleeps.push(ms);
      clock.advanceMs(ms);
    },
  };
  return { clock, sleeps, ports, deadline: { atMs: startMs + deadlineSeconds * 1000, signal } };
}

/** Fails with each of these in turn, then succeeds. */
function failing(...faults: unknown[]) {
  let tries = 0;
  return {
    attempt: async () => {
      tries += 1;
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
      return "done";
    },
    tries: () => tries,
  };
}

const throttled = (retryAfterSeconds?: number) =>
  new Fault("signer_throttled", retryAfterSeconds === undefined ? {} : { retryAfterSeconds });

describe("withRetry", () => {
  test("does not wait if the first attempt succeeds", async () => {
    const { ports, deadline, sleeps } = setUp();
    assert.equal(await withRetry(failing().attempt, ports, deadline), "done");
    assert.deepEqual(sleeps, []);
  });

  test("waits 1 s, then gives up with the second fault", async () => {
    const { ports, deadline, sleeps } = setUp();
    const last = throttled();
    const { attempt, tries } = failing(throttled(), last);
    await assert.rejects(withRetry(attempt, ports, deadline), last);
    assert.deepEqual(sleeps, [1000]);
    assert.equal(tries(), 2);
  });

  test("adds jitter of up to a fifth", async () => {
    const { ports, deadline, sleeps } = setUp({ random: 0.5 });
    await withRetry(failing(throttled()).attempt, ports, deadline);
    assert.deepEqual(sleeps, [1100]);
  });

  test("waits as long as the other side asks, never less", async () => {
    const { ports, deadline, sleeps } = setUp({ random: 0.999 });
    await withRetry(failing(throttled(3)).attempt, ports, deadline);
    assert.ok(sleeps[0] !== undefined && sleeps[0] >= 3000 && sleeps[0] <= 3600);
  });

  test("does not begin a wait that would end after the deadline", async () => {
    const { ports, deadline, sleeps } = setUp({ deadlineSeconds: 20 });
    for (const seconds of [20, 3600]) {
      const { attempt, tries } = failing(throttled(seconds));
      await assert.rejects(withRetry(attempt, ports, deadline), Fault);
      assert.equal(tries(), 1);
    }
    assert.deepEqual(sleeps, []);
  });

  test("an attempt gets five seconds, or the rest of the request's time, even if the clock is set in between", () => {
    const limits: number[] = [];
    const part = new AbortController();
    const startDeadline = (withinMs: number) => {
      limits.push(withinMs);
      return { atMs: 100_000 + withinMs, signal: part.signal };
    };
    const request = new AbortController();
    // By a clock that was set ahead, the request's time is over; its signal knows better.
    const first = partDeadline({ atMs: 21_000, signal: request.signal }, { startDeadline });
    assert.equal(first.signal.aborted, false);
    assert.equal(first.atMs, 105_000);
    request.abort();
    assert.equal(first.signal.aborted, true);
    const second = partDeadline({ atMs: 21_000, signal: new AbortController().signal }, { startDeadline });
    part.abort();
    assert.equal(second.signal.aborted, true);
    assert.deepEqual(limits, [5_000, 5_000]);
  });

  const retryable: Record<FaultCode, boolean> = {
    signer_throttled: true,
    signer_unavailable: true,
    token_endpoint_throttled: true,
    token_endpoint_unavailable: true,
    signer_unauthorized: false,
    signer_forbidden: false,
    signer_key_disabled: false,
    signer_key_not_found: false,
    signer_rejected: false,
    signature_not_ours: false,
    certificate_not_valid: false,
    identity_unavailable: false,
    credential_rejected: false,
    clock_skewed: false,
    token_endpoint_rejected: false,
    token_not_as_asked: false,
    ledger_unavailable: false,
    policy_unavailable: false,
    caller_keys_unavailable: false,
  };
  for (const [code, isRetryable] of Object.entries(retryable)) {
    test(`${isRetryable ? "tries again after" : "does not try again after"} ${code}`, async () => {
      const { ports, deadline } = setUp();
      const { attempt, tries } = failing(new Fault(code as FaultCode));
      await withRetry(attempt, ports, deadline).catch(() => undefined);
      assert.equal(tries(), isRetryable ? 2 : 1);
    });
  }

  test("tries again at once, and once, after a token was replaced", async () => {
    const { ports, deadline, sleeps } = setUp();
    const fault = new Fault("signer_unauthorized", { codes: [401], isTokenReplaced: true });
    const { attempt, tries } = failing(fault);
    await withRetry(attempt, ports, deadline).catch(() => undefined);
    assert.deepEqual([tries(), sleeps], [2, [0]]);
  });

  test("does not try again after an error that is not a fault", async () => {
    const { ports, deadline } = setUp();
    const { attempt, tries } = failing(new TypeError("a bug"));
    await assert.rejects(withRetry(attempt, ports, deadline), TypeError);
    assert.equal(tries(), 1);
  });

  test("when the deadline ends a wait, the result is the original fault, not the abort", async () => {
    const { ports, deadline } = setUp();
    const sleep = async () => {
      throw new DOMException("The operation was aborted", "AbortError");
    };
    const fault = throttled();
    await assert.rejects(withRetry(failing(fault).attempt, { ...ports, sleep }, deadline), fault);
  });
});
