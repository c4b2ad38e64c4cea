import assert from "node:assert/strict";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { firesWhen } from "../../../local/console/azure-rule.ts";
import { readRunbook } from "../../../local/console/runbook.ts";
import { createAlarms } from "../../../local/console/watch/alarms.ts";
import { tailLog } from "../../../local/console/watch/log-tail.ts";
import { client } from "../../../local/stack/world.ts";

const nowMs = Date.UTC(2026, 5, 1);
const runbook = await readRunbook();
const fresh = () => createAlarms((section) => runbook[section]?.severity ?? -1);

for (const [section, facts] of Object.entries({
  "unaccounted-signature": { event: "sign_audit_finding", finding: "unaccounted_signature", severity: 0 },
  "audited-misuse": { event: "sign_audit_finding", finding: "foreign_identity", severity: 0 },
  "missing-record": { event: "sign_audit_finding", finding: "missing_record", severity: 1 },
  "sign-rate-abnormal": { event: "sign_rate_abnormal", verdict: "above" },
  "metadata-tls-not-trusted": { event: "metadata_refused", refusal: { reason: "tls_not_trusted" } },
  "metadata-refused": { event: "metadata_refused", refusal: { reason: "timed_out" } },
  "credential-drift": { event: "credential_drift", finding: "foreign_certificate" },
  "credential-missing": { event: "credential_drift", finding: "missing_certificate" },
  "credential-refused": { event: "request_answered", fault: { code: "credential_rejected" } },
  "dependency-outage": { event: "request_answered", fault: { code: "signer_unavailable" } },
  "unexpected-fault": { event: "request_answered", fault: { code: "unexpected" } },
})) {
  test(`${section} is the runbook's section for ${JSON.stringify(facts)}`, () => {
    const alarms = fresh();
    alarms.take(facts, nowMs);
    const [alarm] = alarms.rows();
    assert.equal(alarm?.section, section);
    assert.equal(alarm?.severity, runbook[section]?.severity);
    const { parts = [] } = runbook[section] ?? {};
    assert.deepEqual(
      parts.map(({ heading }) => heading),
      ["Means", "Confirm", "Do", "Stand down"],
    );
    assert.doesNotMatch(JSON.stringify(parts.filter(({ heading }) => heading !== "Confirm")), /\]\(|\*\*|`/);
  });
}

test("a routine event is not an alarm", () => {
  const alarms = fresh();
  for (const event of ["policy_applied", "metadata_promoted", "sign_rate_judged", "credential_promoted"])
    alarms.take({ event }, nowMs);
  alarms.take({ event: "request_answered", outcome: "refused", refusal: { reason: "not_granted" } }, nowMs);
  assert.deepEqual(alarms.rows(), []);
});

test("a repeated alarm within two minutes is counted, and a later one is a new alarm", () => {
  const alarms = fresh();
  const outage = { event: "request_answered", fault: { code: "signer_unavailable" }, clientId: client.clientId };
  alarms.take({ ...outage, correlationId: "1", durationMs: 5 }, nowMs);
  alarms.take({ ...outage, correlationId: "2", durationMs: 7 }, nowMs + 60_000);
  assert.deepEqual(
    alarms.rows().map(({ count }) => count),
    [2],
  );
  alarms.take(outage, nowMs + 300_000);
  assert.deepEqual(
    alarms.rows().map(({ count }) => count),
    [1, 2],
  );
  assert.ok(alarms.rows()[0]?.facts.some(([name, value]) => name === "clientId" && value === client.name));
});

test("the same problem with several sources is one alarm that names them", () => {
  const alarms = fresh();
  for (const source of ["common", "common", "another"]) {
    alarms.take({ event: "metadata_refused", source, refusal: { reason: "timed_out" } }, nowMs);
  }
  const [alarm, ...others] = alarms.rows();
  assert.deepEqual([others, alarm?.count], [[], 3]);
  assert.deepEqual(alarm?.facts[0], ["source", "common, another"]);
});

test("the number of alarms is limited", () => {
  const alarms = fresh();
  for (let i = 0; i < 100; i++) alarms.take({ event: "metadata_stale", ageSeconds: i }, nowMs);
  assert.equal(alarms.rows().length, 40);
});

test("the log is read from the previous position, line by line, and not from before the start", async () => {
  const folder = await mkdtemp(join(tmpdir(), "keyhold-tail-"));
  after(() => rm(folder, { recursive: true }));
  const file = join(folder, "functions.log");
  const line = (event: string, timeMs: number) =>
    `${JSON.stringify({ time: new Date(timeMs).toISOString(), event })}\n`;
  const read = tailLog(file, nowMs);
  assert.deepEqual(await read(), []);
  await writeFile(file, `${line("of_before", nowMs - 1)}${line("first", nowMs)}{"time":"2026-`);
  const names = async () => (await read()).map(({ event }) => event);
  assert.deepEqual(await names(), ["first"]);
  await appendFile(file, '06-01T00:00:01.000Z","event":"second"}\nnot JSON\n{"event":7}\n');
  assert.deepEqual(await names(), ["second"]);
  assert.deepEqual(await names(), []);
  await writeFile(file, line("after_it_was_cut", nowMs));
  assert.deepEqual(await names(), ["after_it_was_cut"]);
});

test("an alarm names the rule that fires in Azure, after how many events, and how often the rule runs", () => {
  assert.equal(
    firesWhen("unaccounted-signature"),
    "In Azure this fires when the rule app-0 finds it once. It looks every 5 minutes.",
  );
  assert.match(firesWhen("dependency-outage") ?? "", /the rule app-1 finds it 10 times or more\./);
  assert.match(firesWhen("policy-not-readable") ?? "", /the rule app-1 finds it 3 times or more\./);
  assert.match(firesWhen("shared-cache-failing") ?? "", /the rule app-2 finds it 3 times or more\./);
  assert.equal(firesWhen("nothing-of-the-kind"), undefined);
});

test("only a finding of the audit can be acknowledged, and then shows the reason", () => {
  const alarms = fresh();
  const id = "0123456789abcdef0123456789abcdef";
  const finding = { event: "sign_audit_finding", finding: "unaccounted_signature", severity: 0, id };
  alarms.take({ ...finding, auditTable: "audit1" }, nowMs, 25);
  alarms.take({ event: "policy_rejected", id: "x" }, nowMs);
  const [rejected, found] = alarms.rows();
  assert.deepEqual([rejected?.finding, found?.finding], [undefined, { id, auditTable: "audit1" }]);
  const noted = alarms.rows(new Map([[id, "a drill"]]));
  assert.deepEqual(
    noted.map(({ acknowledged }) => acknowledged),
    [undefined, "a drill"],
  );
});
