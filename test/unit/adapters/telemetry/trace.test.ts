import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createTracer, type Span } from "../../../../src/adapters/telemetry/trace.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const hostSpanId = "00f067aa0ba902b7";
const of = { name: "token", correlationId: "c-1", traceParent: `00-${traceId}-${hostSpanId}-01` };

/** A clock that ticks once whenever somebody looks. */
function tracing() {
  let nowMs = 0;
  const spans: Span[] = [];
  const tracer = createTracer(
    () => nowMs++,
    (span) => spans.push(span),
  );
  return { tracer, spans };
}

describe("spans of an invocation", () => {
  test("an outgoing call is within its invocation, and that within the host's own span", async () => {
    const { tracer, spans } = tracing();
    const sign = tracer.call("Key Vault sign", async (digest: string) => `signed ${digest}`);
    assert.equal(await tracer.invocation(of, () => sign("abc")), "signed abc");
    const [call = assert.fail(), invocation = assert.fail()] = spans;
    assert.deepEqual(
      { ...call, spanId: "" },
      {
        traceId,
        spanId: "",
        parentSpanId: invocation.spanId,
        name: "Key Vault sign",
        target: "Key Vault",
        startMs: 1,
        endMs: 2,
      },
    );
    assert.deepEqual(
      { ...invocation, spanId: "" },
      {
        traceId,
        spanId: "",
        parentSpanId: hostSpanId,
        name: "token",
        correlationId: "c-1",
        startMs: 0,
        endMs: 3,
      },
    );
    assert.match(call.spanId, /^[0-9a-f]{16}$/);
  });

  test("an invocation without outgoing calls leaves no span", () => {
    const { tracer, spans } = tracing();
    assert.equal(
      tracer.invocation(of, () => "from the cache"),
      "from the cache",
    );
    assert.deepEqual(spans, []);
  });

  test("a call outside any invocation leaves no span", async () => {
    const { tracer, spans } = tracing();
    await tracer.call("ledger intent", async () => {})();
    assert.deepEqual(spans, []);
  });

  test("concurrent invocations keep their calls separate", async () => {
    const { tracer, spans } = tracing();
    const call = tracer.call("Entra token", (gate: Promise<void>) => gate);
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    const both = gates.map(({ promise }, index) =>
      tracer.invocation({ name: `n${index}`, correlationId: `c${index}` }, () => call(promise)),
    );
    gates[1].resolve();
    gates[0].resolve();
    await Promise.all(both);
    for (const correlationId of ["c0", "c1"]) {
      const invocation = spans.find((span) => span.correlationId === correlationId) ?? assert.fail();
      const calls = spans.filter(({ parentSpanId }) => parentSpanId === invocation.spanId);
      assert.deepEqual(
        calls.map(({ traceId }) => traceId),
        [invocation.traceId],
      );
    }
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 2);
  });

  test("a fault is recorded by its code, another error by its class, and the caller gets both", async () => {
    const { tracer, spans } = tracing();
    const failing = (error: Error) =>
      tracer.call("Key Vault sign", async () => {
        throw error;
      });
    await assert.rejects(tracer.invocation(of, failing(new Fault("signer_throttled"))), Fault);
    await assert.rejects(tracer.invocation(of, failing(new RangeError("https://vault/keys/secret"))), RangeError);
    assert.deepEqual(
      spans.map(({ error }) => error),
      ["signer_throttled", "signer_throttled", "RangeError", "RangeError"],
    );
    assert.doesNotMatch(JSON.stringify(spans), /secret/);
  });

  for (const traceParent of [
    "",
    "junk",
    `00-${"0".repeat(32)}-${hostSpanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
  ]) {
    test(`an invalid parent starts a separate trace: "${traceParent}"`, async () => {
      const { tracer, spans } = tracing();
      await tracer.invocation(
        { ...of, traceParent },
        tracer.call("ledger intent", async () => {}),
      );
      assert.notEqual(spans[1]?.traceId, traceId);
      assert.equal(spans[1]?.parentSpanId, undefined);
    });
  }
});
