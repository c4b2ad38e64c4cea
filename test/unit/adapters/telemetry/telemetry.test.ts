import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { telemetryTables } from "../../../../local/emulators/azure-monitor/telemetry.ts";
import { metricNames } from "../../../../src/adapters/telemetry/names.ts";
import { createTelemetry } from "../../../../src/adapters/telemetry/telemetry.ts";
import { Fault } from "../../../../src/domain/shared/fault.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import {
  connectionString,
  createIngestion,
  eventNames,
  issued,
  openTelemetry,
  samples,
  settings,
  token,
} from "./telemetry-world.ts";

const onLoadFailure = () => assert.fail("the SDK is not loaded");

describe("telemetry without a connection string", () => {
  test("does nothing for any event", async () => {
    const telemetry = createTelemetry({
      connectionString: undefined,
      settings,
      clock: () => startMs,
      instance: "i",
      onLoadFailure,
    });
    for (const event of Object.values(samples)) telemetry.record(event);
    await telemetry.flush(20_000);
  });
});

describe("an unusable connection string stops the start, and is not repeated", () => {
  for (const text of [
    "",
    "InstrumentationKey=not-a-guid",
    `${connectionString.replace("https", "http")}`,
    "InstrumentationKey=90000000-ffff-4000-8000-000000000001;IngestionEndpoint=nowhere",
  ]) {
    test(`"${text.slice(0, 60)}"`, () => {
      const create = () =>
        createTelemetry({ connectionString: text, settings, clock: () => startMs, instance: "i", onLoadFailure });
      assert.throws(create, (error: Error) => /^the (connection|Ingestion)/.test(error.message));
    });
  }
});

/** One after the other: the SDK is one in a process. */
const traced = await sendTrace();
const all = await sendAll();

async function sendTrace() {
  const ingestion = createIngestion();
  const telemetry = openTelemetry(ingestion);
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const of = { name: "token", correlationId: "c-1", traceParent: `00-${traceId}-00f067aa0ba902b7-00` };
  const sign = telemetry.tracer.call("Key Vault sign", async () => {
    throw new Fault("signer_forbidden");
  });
  await assert.rejects(
    telemetry.tracer.invocation(of, async () => {
      const failure: unknown = await sign().catch((error) => error);
      telemetry.record(issued);
      throw failure;
    }),
  );
  await telemetry.flush(20_000);
  const dependencies = ingestion.envelopes.filter(({ data }) => data.baseType === "RemoteDependencyData");
  return { dependencies, ingestion, traceId };
}

async function sendAll() {
  const ingestion = createIngestion();
  const telemetry = openTelemetry(ingestion);
  for (const event of Object.values(samples)) telemetry.record(event);
  telemetry.record(issued);
  await telemetry.flush(20_000);
  return ingestion;
}

describe("traces in Application Insights", () => {
  const { dependencies, ingestion, traceId } = traced;

  test("a call and its invocation arrive as dependencies, whatever the host sampled", () => {
    const found = dependencies.map(({ data: { baseData } }) => [baseData.name, baseData.success]);
    assert.deepEqual(found, [
      ["Key Vault sign", false],
      ["token", false],
    ]);
  });

  test("their properties name the request and the fault, and nothing else", () => {
    assert.deepEqual(
      dependencies.map(({ data }) => data.baseData.properties),
      [{ error: "signer_forbidden" }, { correlationId: "c-1", error: "signer_forbidden" }],
    );
  });

  test("the call's parent is the invocation, whose parent is the host's span, and the event belongs to the same trace", () => {
    const [call = assert.fail(), invocation = assert.fail()] = dependencies;
    assert.equal(call.tags["ai.operation.parentId"], invocation.data.baseData.id);
    assert.equal(invocation.tags["ai.operation.parentId"], "00f067aa0ba902b7");
    const [event = assert.fail()] = ingestion.events();
    assert.deepEqual(new Set([call, invocation, event].map(({ tags }) => tags["ai.operation.id"])), new Set([traceId]));
    assert.equal(event.tags["ai.operation.parentId"], invocation.data.baseData.id);
  });
});

describe("what arrives in Application Insights", () => {
  const ingestion = all;
  const named = (name: string) => ingestion.events().find(({ data }) => data.baseData.name === name);

  test("each event is one custom event under its own name", () => {
    const arrived = ingestion.events().map(({ data }) => data.baseData.name ?? "");
    assert.deepEqual(arrived.sort(), [...eventNames, "request_answered"].sort());
  });

  test("an event with stack frames is also an exception, with its class and its frames by source file, but without a message", () => {
    const exceptions = ingestion.envelopes.filter(({ data }) => data.baseType === "ExceptionData");
    const framed = Object.values(samples).filter((event) => "frames" in event || ("fault" in event && event.fault));
    assert.deepEqual(
      exceptions.map(({ data }) => data.baseData.exceptions?.[0]?.message).sort(),
      framed.map(({ event }) => event).sort(),
    );
    const failed = exceptions.find(({ data }) => data.baseData.exceptions?.[0]?.message === "sign_audit_failed");
    assert.deepEqual(failed?.data.baseData.exceptions, [
      {
        ...{ typeName: "x", message: "sign_audit_failed", hasFullStack: true },
        stack: [
          "x: sign_audit_failed",
          "    at mint (src/domain/issuing/mint.ts:1:2)",
          "    at handler (src/http/issuing-handlers.ts:3:4)",
        ].join("\n"),
      },
    ]);
  });

  test("everything else is in AppEvents or AppMetrics", () => {
    const tables: Record<string, string> = telemetryTables;
    const found = new Set(ingestion.envelopes.map(({ data }) => tables[data.baseType]));
    assert.deepEqual([...found].sort(), ["AppEvents", "AppExceptions", "AppMetrics"]);
    assert.deepEqual(new Set(ingestion.requests), new Set(["https://ingestion.test/v2.1/track"]));
  });

  test("every metric arrives except that of lost telemetry, which does not occur here", () => {
    const arrived = new Set(ingestion.measured().map(({ name }) => name));
    assert.deepEqual([...arrived].sort(), metricNames.filter((name) => name !== "keyhold.telemetry.lost").sort());
  });

  test("the exporter sends no usage data about itself, and no resource as a metric", () => {
    assert.equal(process.env.APPLICATION_INSIGHTS_NO_STATSBEAT, "true");
    assert.ok(!ingestion.measured().some(({ name }) => name === "_OTELRESOURCE_"));
  });

  test("members are flat properties, with lists joined", () => {
    const { properties } = named("request_answered")?.data.baseData ?? assert.fail();
    assert.equal(properties["refusal.reason"], "caller_token_ambiguous");
    assert.equal(properties["refusal.presented"], "authorization, subject_token");
    assert.equal(properties["fault.code"], "signer_forbidden");
    assert.equal(properties["fault.codes"], "403, 7");
    assert.equal(properties.cached, "false");
    assert.equal(named("policy_rejected")?.data.baseData.properties.problems, "/grants/0 is unknown");
    assert.equal(named("sign_rate_abnormal")?.data.baseData.properties.signs, "7");
  });

  test("no member of any event is lost on its way", () => {
    for (const [name, { event: _, ...members }] of Object.entries(samples)) {
      const properties = Object.keys(named(name)?.data.baseData.properties ?? {});
      for (const [member, value] of Object.entries(members)) {
        const isThere = properties.some((each) => each === member || each.startsWith(`${member}.`));
        assert.equal(isThere, value !== undefined, `${name}.${member}`);
      }
    }
  });

  test("an event has the time at which it happened, its instance, and no sampling", () => {
    for (const { time, tags, sampleRate } of ingestion.events()) {
      assert.equal(new Date(time).getTime(), startMs);
      assert.deepEqual([tags["ai.cloud.role"], tags["ai.cloud.roleInstance"]], ["keyhold", "instance-1"]);
      assert.equal(sampleRate ?? 100, 100);
    }
  });

  test("no token, signed URL or overlong text leaves the process, wherever a caller put it", () => {
    const sent = JSON.stringify(ingestion.envelopes);
    for (const secret of [token, token.slice(0, 30), "s3cr3t", "Zm9v", "eyJ"])
      assert.ok(!sent.includes(secret), secret);
    assert.ok(!sent.includes("x".repeat(2049)));
    assert.match(sent, /\[removed\]/);
  });

  test("metrics have dimensions with few values only: no tenant, client, caller or scope", () => {
    const dimensions = new Set(ingestion.measured().flatMap(({ properties }) => Object.keys(properties)));
    const known = ["cached", "code", "document", "finding", "keyName", "operation", "outcome", "reason"];
    assert.deepEqual([...dimensions].sort(), [...known, "severity", "verdict"].sort());
  });
});

test("docs/reference/telemetry.md has a row for every event and every metric, and no others", async () => {
  const text = await readFile(
    fileURLToPath(new URL("../../../../docs/reference/telemetry.md", import.meta.url)),
    "utf8",
  );
  const rows = [...text.matchAll(/^\| (`[a-z_.`, ]+`) \|/gm)].flatMap(([, names = ""]) => names.split(", "));
  const names = [...eventNames, ...metricNames].map((name) => `\`${name}\``);
  assert.deepEqual(rows.sort(), names.sort());
});
