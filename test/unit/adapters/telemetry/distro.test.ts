import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { AzureLogger, createClientLogger } from "@azure/logger";
import { createIngestion, issued, openTelemetry, samples } from "./telemetry-world.ts";

const storageDirectory = mkdtempSync(join(tmpdir(), "keyhold-distro-"));
after(() => rmSync(storageDirectory, { recursive: true, force: true }));

test("events that were finally not accepted are on disk, from where the exporter sends them later, and count as lost until then", async () => {
  let isBack = false;
  const ingestion = createIngestion(() => (isBack ? 200 : 503));
  const telemetry = openTelemetry(ingestion, { storageDirectory });
  telemetry.record(samples.sign_audit_finding);
  await telemetry.flush(20_000);
  const files = readdirSync(storageDirectory, { recursive: true, encoding: "utf8" });
  const kept = files.filter((file) => file.endsWith(".ai.json"));
  const texts = kept.map((file) => readFileSync(join(storageDirectory, file), "utf8"));
  assert.equal(texts.filter((text) => text.includes("sign_audit_finding")).length, 1);
  isBack = true;
  await telemetry.flush(20_000);
  assert.equal(ingestion.events().length, 0);
  const lost = ingestion.measured().find(({ name }) => name === "keyhold.telemetry.lost");
  assert.equal(lost?.value, 1);
});

test("spans from before the SDK was loaded keep their time, their ids and their service", async () => {
  const ingestion = createIngestion();
  const telemetry = openTelemetry(ingestion, { loadAfterMs: 60_000 });
  const within: unknown[] = [];
  const exchange = telemetry.tracer.call("Entra token", async () => {
    within.push(telemetry.tracer.current());
    telemetry.record(issued);
  });
  await telemetry.tracer.invocation({ name: "token", correlationId: "c-1" }, exchange);
  await telemetry.flush(20_000);
  const spans = ingestion.envelopes.filter(({ data }) => data.baseType === "RemoteDependencyData");
  const [call = assert.fail(), invocation = assert.fail()] = spans;
  const { "ai.operation.id": traceId = "" } = call.tags;
  assert.deepEqual(within, [{ traceId, spanId: invocation.data.baseData.id }]);
  assert.equal(call.data.baseData.target, "Entra");
  assert.equal(invocation.data.baseData.target, undefined);
  for (const { time } of spans) assert.equal(time, ingestion.events()[0]?.time);
});

test("the warnings of Azure's clients, which repeat server texts, are not written to the process's output", async () => {
  const telemetry = openTelemetry(createIngestion());
  telemetry.record(issued);
  await telemetry.flush(20_000);
  const logged: unknown[] = [];
  AzureLogger.log = (...line) => logged.push(line);
  const { error, warning } = createClientLogger("identity");
  warning("AADSTS");
  error("AADSTS");
  assert.deepEqual(logged, []);
});
