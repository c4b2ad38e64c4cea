import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createIngestion, issued, openTelemetry, samples } from "./telemetry-world.ts";

describe("telemetry under load and without Application Insights", () => {
  test("10 000 events are 10 000 envelopes, before and after the SDK is loaded", async () => {
    const ingestion = createIngestion();
    const telemetry = openTelemetry(ingestion);
    for (let i = 0; i < 5_000; i++) telemetry.record(samples.sign_audit_finding);
    await telemetry.flush(20_000);
    for (let i = 0; i < 5_000; i++) telemetry.record(issued);
    await telemetry.flush(20_000);
    assert.equal(ingestion.events().length, 10_000);
    const issuedCount = ingestion.measured().filter(({ name }) => name === "keyhold.tokens.issued");
    assert.equal(issuedCount[0]?.value, 5_000);
  });

  test("events are sent without a flush", async () => {
    const ingestion = createIngestion();
    openTelemetry(ingestion).record(issued);
    for (let i = 0; i < 500 && ingestion.events().length === 0; i++) await sleep(10);
    assert.equal(ingestion.events().length, 1);
  });

  test("a batch that was not accepted is sent again", async () => {
    const ingestion = createIngestion((attempt) => (attempt <= 2 ? 503 : 200));
    const telemetry = openTelemetry(ingestion);
    telemetry.record(samples.sign_audit_finding);
    await telemetry.flush(20_000);
    assert.equal(ingestion.events().length, 1);
  });

  test("of a partly accepted batch, only the rest is sent again", async () => {
    const ingestion = createIngestion((attempt) => (attempt === 1 ? 206 : 200));
    const telemetry = openTelemetry(ingestion);
    telemetry.record(samples.sign_audit_finding);
    telemetry.record(samples.sign_audit_failed);
    await telemetry.flush(20_000);
    const names = ingestion.events().map(({ data }) => data.baseData.name);
    assert.deepEqual(names, ["sign_audit_failed", "sign_audit_finding"]);
  });

  test("events recorded while the identity has no token are not lost, and are sent with the identity's token", async () => {
    const ingestion = createIngestion();
    let asked = 0;
    const credential = {
      async getToken() {
        asked += 1;
        if (asked === 1) throw new Error("AADSTS");
        return { token: "t0ken", expiresOnTimestamp: Date.now() + 3_600_000 };
      },
    };
    const telemetry = openTelemetry(ingestion, {}, () => {}, credential);
    telemetry.record(samples.sign_audit_finding);
    await telemetry.flush(20_000);
    assert.equal(ingestion.events().length, 1);
    assert.ok(asked > 1);
    assert.deepEqual(new Set(ingestion.authorizations), new Set(["Bearer t0ken"]));
  });

  const troubles: [string, () => number | Promise<number>][] = [
    ["answers 500", () => 500],
    ["refuses with 400", () => 400],
    ["cannot be reached", () => Promise.reject(new Error("ECONNREFUSED"))],
  ];
  for (const [what, answer] of troubles) {
    test(`nothing throws while it ${what}, and the loss is counted once it is back`, async () => {
      let isBack = false;
      const ingestion = createIngestion(() => (isBack ? 200 : answer()));
      const telemetry = openTelemetry(ingestion);
      for (let i = 0; i < 100; i++) telemetry.record(issued);
      await telemetry.flush(20_000);
      assert.equal(ingestion.envelopes.length, 0);
      isBack = true;
      telemetry.record(samples.sign_audit_finding);
      await telemetry.flush(20_000);
      assert.equal(ingestion.events().length, 1);
      const lost = ingestion.measured().find(({ name }) => name === "keyhold.telemetry.lost");
      assert.equal(lost?.value, 100);
    });
  }

  test("a flood of requests is limited and counted, and evicts no other event", async () => {
    const ingestion = createIngestion();
    const telemetry = openTelemetry(ingestion, { maxWaiting: 100 });
    for (let i = 0; i < 1_000; i++) telemetry.record(issued);
    for (let i = 0; i < 50; i++) telemetry.record(samples.sign_audit_finding);
    await telemetry.flush(20_000);
    for (let i = 0; i < 1_000; i++) telemetry.record(issued);
    telemetry.record(samples.sign_audit_finding);
    await telemetry.flush(20_000);
    const names = ingestion.events().map(({ data }) => data.baseData.name);
    assert.equal(names.filter((name) => name === "sign_audit_finding").length, 51);
    assert.equal(names.filter((name) => name === "request_answered").length, 200);
    const lost = ingestion.measured().filter(({ name }) => name === "keyhold.telemetry.lost");
    assert.equal(lost.at(-1)?.value, 1_800);
  });

  test("flush ends at its deadline while Application Insights hangs, and recording does not block", async () => {
    const ingestion = createIngestion(() => new Promise<number>(() => {}));
    const telemetry = openTelemetry(ingestion);
    telemetry.record(issued);
    const startedMs = performance.now();
    await telemetry.flush(50);
    for (let i = 0; i < 1_000; i++) telemetry.record(issued);
    assert.ok(performance.now() - startedMs < 5_000);
    assert.equal(ingestion.envelopes.length, 0);
  });
});
