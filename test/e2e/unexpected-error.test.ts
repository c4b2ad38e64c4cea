import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { deployableOptions } from "../../build.ts";
import { freePorts } from "../../local/stack/ports.ts";
import { answerOf, bearerRequest } from "../support/fixtures/http.ts";
import type * as throwingApp from "../support/fixtures/throwing-app.ts";
import { testStack, untilWritten } from "../support/test-stack.ts";

/** A bug within the minified bundle: what an operator finds of it. The fixtures await, so this one stays an ES module. */
const repository = fileURLToPath(new URL("../..", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "keyhold-unexpected-"));
after(() => rm(folder, { recursive: true, force: true }));
await build(deployableOptions("test/support/fixtures/throwing-app.ts", folder));
const bundle = join(folder, "throwing-app.js");
const { createThrowingApp } = (await import(pathToFileURL(bundle).href)) as typeof throwingApp;
const secret = "s3cret-of-the-message";

/** What one request leaves behind: its answer, the frames in the JSON line and in the event, and all text of both. */
async function answered() {
  const { handler, flush, lines, sent } = createThrowingApp(secret);
  const answer = await answerOf(handler, bearerRequest());
  assert.deepEqual([lines, sent], [[], []], "nothing is decoded before the answer");
  flush();
  assert.deepEqual([lines.length, sent.length], [1, 1]);
  const { fault } = JSON.parse(lines[0] ?? "") as { fault: { frames: string[] } };
  return { answer, fault, event: sent[0] ?? {}, text: JSON.stringify([lines, sent]) };
}

test("for a bug in the bundle the JSON line and the event have function, source file, line and column", async () => {
  const { answer, fault, event } = await answered();
  assert.equal(answer.status, 500);
  const frame = fault.frames.find((each) => each.includes("src/")) ?? "";
  const [, name, file = "", line, column] = /^(\w+) (src\/[\w/-]+\.ts):(\d+):(\d+)$/.exec(frame) ?? assert.fail(frame);
  assert.deepEqual([name, file], ["cache", "src/domain/issuing/mint-once.ts"]);
  const source = (await readFile(join(repository, file), "utf8")).split("\n")[Number(line) - 1] ?? "";
  assert.match(source.slice(Number(column) - 1), /^(context\.)?random\(\)/);
  assert.equal(event["fault.frames"], fault.frames.join(", "));
});

test("every frame of our own names a file of the repository, and none has a path of the machine", async () => {
  const { fault, text } = await answered();
  const own = fault.frames.map((frame) => / (src\/.+):\d+:\d+$/.exec(frame)?.[1]).filter((file) => file !== undefined);
  assert.ok(own.length >= 2);
  for (const file of own) assert.ok(existsSync(join(repository, file)), file);
  assert.ok(!text.includes(repository) && !text.includes(folder));
});

test("the message of the error is in neither, nor in the answer", async () => {
  const { answer, fault, text } = await answered();
  assert.ok(fault.frames.length > 0);
  assert.ok(!text.includes(secret));
  assert.ok(!JSON.stringify(answer).includes(secret));
});

test("if a map cannot be read, the frames are positions in the bundle", async () => {
  for (const name of await readdir(folder)) if (name.endsWith(".map")) await rm(join(folder, name));
  const { fault, text } = await answered();
  assert.match(fault.frames[0] ?? "", /(?:^| )throwing-app\.js:\d+:\d+$/);
  assert.ok(!text.includes(secret));
});

test("the deployed app reports where a timer failed, in the JSON line and, when it stops, in Application Insights", async () => {
  const stack = await testStack();
  // The audit's state is no JSON, which nobody expects, and the message of JSON.parse repeats it.
  const headers = { "content-type": "application/json;odata=minimalmetadata" };
  const body = { json: secret };
  stack.storage.behaviour.faults = [{ operation: "QueryEntities", status: 200, headers, body }];
  await fetch(`${stack.functions.httpUrl}/admin/functions/recordSignRate?wait=true`, { method: "POST", body: "{}" });
  await untilWritten(stack.functions, /"event":"sign_audit_failed".*\n/);
  const line = /^.*"event":"sign_audit_failed".*$/m.exec(stack.functions.output())?.[0] ?? "";
  const { because, frames } = JSON.parse(line) as { because: string; frames: string[] };
  assert.equal(because, "SyntaxError");
  assert.match(frames.join("\n"), /^\S*loadState src\/adapters\/storage\/audit-store\.ts:\d+:\d+$/m);
  await stack.functions.stop();
  const sent = stack.monitor.telemetry.map(({ envelope }) => envelope.data.baseData);
  const { properties } = sent.find(({ name }) => name === "sign_audit_failed") ?? {};
  assert.equal((properties as Record<string, string>).frames, frames.join(", "));
  assert.ok(!JSON.stringify([line, sent]).includes(secret));
});

test("a start that fails with an unexpected error reports the place in its one line, and leaves telemetry to the host", async () => {
  const stack = await testStack({ startFunctions: false });
  const settings = { APPLICATIONINSIGHTS_CONNECTION_STRING: secret };
  const instance = await stack.addInstance(await freePorts(), settings);
  const line = /^.*"event":"not_configured".*$/m.exec(instance.output())?.[0] ?? "";
  const { problems, frames } = JSON.parse(line) as { problems: string[]; frames: string[] };
  assert.deepEqual(problems, ["TypeError"]);
  assert.match(frames[0] ?? "", /^checkConnectionString src\/adapters\/telemetry\/telemetry\.ts:\d+:\d+$/);
  assert.ok(!instance.output().includes(secret));
  assert.ok(!("WorkerOpenTelemetryEnabled" in instance.capabilities));
  await instance.stop();
});
