import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createEventLog } from "../../../../src/adapters/telemetry/event-log.ts";
import type { KeyholdEvent } from "../../../../src/domain/events.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { clientId, contosoId, graphScope } from "../../../support/fixtures/ids.ts";

const answered = (outcome: "issued" | "refused" | "fault"): KeyholdEvent => {
  return { event: "request_answered", operation: "token", correlationId: "c", outcome, durationMs: 1 };
};
const ids = { tenantId: contosoId, clientId, scope: graphScope };

const metadata = { source: contosoId, document: "jwks" as const };

const finding = { finding: "unaccounted_signature" as const, id: "f", severity: 0 as const, timeMs: startMs };
const rate = { keyName: "k", windowFromMs: startMs, signs: 9, low: 0, high: 5, median: 2, basis: "history" as const };

const certificate = { keyName: "k", keyVersion: "v", thumbprint: "AB" };
const drift = { finding: "foreign_key", severity: 0, on: "application", keyId: "k", difference: "x" } as const;

type Level = "info" | "warn" | "error";
/** One of each name: a new event does not compile until it is here. */
const samples: Record<KeyholdEvent["event"], [event: KeyholdEvent, level: Level][]> = {
  request_answered: [
    [answered("issued"), "info"],
    [answered("refused"), "warn"],
    [answered("fault"), "error"],
  ],
  token_renewal_failed: [[{ event: "token_renewal_failed", ...ids, reason: "x", codes: [1] }, "warn"]],
  signing_key_withdrawn: [[{ event: "signing_key_withdrawn", kids: ["k"], cachedTokens: 1 }, "warn"]],
  shared_cache_failed: [
    [{ event: "shared_cache_failed", operation: "find", reason: "failed", because: "x" }, "warn"],
    [{ event: "shared_cache_failed", operation: "find", reason: "not_ours", because: "x" }, "error"],
  ],
  policy_applied: [[{ event: "policy_applied", etag: "e", grants: 1, withheld: 0 }, "info"]],
  suspensions_applied: [[{ event: "suspensions_applied", etag: "e", tenants: 1, callers: 0, clients: 0 }, "info"]],
  policy_rejected: [[{ event: "policy_rejected", document: "policy", etag: "e", problems: [] }, "error"]],
  policy_not_readable: [
    [{ event: "policy_not_readable", document: "suspensions", ageSeconds: undefined, because: "x" }, "error"],
  ],
  ledger_outcome_lost: [
    [{ event: "ledger_outcome_lost", ledgerId: contosoId, outcome: "issued", because: "x" }, "error"],
  ],
  metadata_promoted: [
    [{ event: "metadata_promoted", ...metadata, continuity: "continuous", added: [], removed: [] }, "info"],
  ],
  metadata_refused: [[{ event: "metadata_refused", ...metadata, refusal: { reason: "document_not_utf8" } }, "error"]],
  metadata_discontinuous: [
    [{ event: "metadata_discontinuous", ...metadata, action: "held", added: ["k"], removed: [] }, "error"],
  ],
  metadata_keys_replaced: [[{ event: "metadata_keys_replaced", ...metadata, added: ["k"], removed: ["l"] }, "error"]],
  metadata_known_key_changed: [[{ event: "metadata_known_key_changed", source: contosoId, kid: "k" }, "error"]],
  metadata_record_refused: [
    [{ event: "metadata_record_refused", source: contosoId, rule: "not a metadata record" }, "error"],
  ],
  metadata_keys_differ: [[{ event: "metadata_keys_differ", source: contosoId, kids: ["k"] }, "warn"]],
  metadata_stale: [[{ event: "metadata_stale", source: contosoId, ageSeconds: 1 }, "error"]],
  metadata_store_unavailable: [
    [{ event: "metadata_store_unavailable", source: contosoId, operation: "read" }, "error"],
  ],
  metadata_not_republished: [[{ event: "metadata_not_republished", source: contosoId, code: "x" }, "error"]],
  metadata_refresh_finished: [[{ event: "metadata_refresh_finished", sources: 1, durationMs: 1 }, "info"]],
  sign_audit_finding: [[{ event: "sign_audit_finding", isNew: true, ...finding }, "error"]],
  sign_audit_resolved: [[{ event: "sign_audit_resolved", ...finding }, "info"]],
  sign_audit_noted: [[{ event: "sign_audit_noted", how: "acknowledged", notedBy: "a", note: "b", ...finding }, "warn"]],
  sign_audit_covered: [
    [{ event: "sign_audit_covered", ledgerId: contosoId, coveredBy: "instance", timeMs: 1, requestId: "r" }, "warn"],
  ],
  sign_rate_judged: [[{ event: "sign_rate_judged", ...rate, verdict: "normal" }, "info"]],
  sign_rate_abnormal: [[{ event: "sign_rate_abnormal", ...rate, verdict: "above" }, "error"]],
  sign_audit_finished: [
    [{ event: "sign_audit_finished", windows: 1, covered: 0, open: 0, lagSeconds: 900, expiredRows: 0 }, "info"],
  ],
  credential_promoted: [[{ event: "credential_promoted", clientId, ...certificate }, "info"]],
  credential_retired: [[{ event: "credential_retired", clientId, ...certificate }, "info"]],
  credential_enabled: [[{ event: "credential_enabled", clientId, ...certificate }, "info"]],
  credential_disabled: [[{ event: "credential_disabled", clientId, ...certificate }, "error"]],
  credential_canary_failed: [
    [
      { event: "credential_canary_failed", clientId, ...certificate, state: "staged", reason: "x", codes: [1] },
      "error",
    ],
  ],
  credential_fallback: [[{ event: "credential_fallback", clientId, ...certificate, to: "CD", codes: [1] }, "error"]],
  credential_expiring: [
    [{ event: "credential_expiring", ...certificate, daysLeft: 6, threshold: 7, severity: 1 }, "warn"],
  ],
  credential_drift: [[{ event: "credential_drift", clientId, client: "c", ...drift }, "error"]],
  credentials_checked: [[{ event: "credentials_checked", clients: 1, canaries: 1, durationMs: 1 }, "info"]],
  credentials_check_failed: [[{ event: "credentials_check_failed", because: "x" }, "error"]],
  telemetry_load_failed: [[{ event: "telemetry_load_failed", because: "x", frames: [] }, "error"]],
  sign_audit_failed: [[{ event: "sign_audit_failed", because: "vault_log_throttled" }, "error"]],
};

describe("the event log", () => {
  for (const [event, level] of Object.values(samples).flat()) {
    const name = event.event === "request_answered" ? `${event.event} ${event.outcome}` : event.event;
    test(`writes ${name} as one JSON line of level ${level}`, () => {
      const [lines, errorLines]: [string[], string[]] = [[], []];
      createEventLog(
        () => startMs,
        (line) => void lines.push(line),
        (line) => void errorLines.push(line),
      )(event);
      lines.push(...errorLines);
      assert.equal(lines.length, 1);
      assert.doesNotMatch(lines[0] ?? "", /\n/);
      const { time, level: written, ...rest } = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
      assert.deepEqual([time, written], ["2026-06-01T12:00:00.000Z", level]);
      assert.deepEqual(rest, JSON.parse(JSON.stringify(event)));
    });
  }

  test("writes to standard error only the reason why nothing is issued", () => {
    const notReadYet: KeyholdEvent = {
      event: "policy_not_readable",
      document: "suspensions",
      ageSeconds: undefined,
      because: "x",
    };
    const readBefore: KeyholdEvent = { ...notReadYet, ageSeconds: 60 };
    const written: KeyholdEvent[] = [];
    const all = [...Object.values(samples).flat(), [readBefore] as const];
    for (const [event] of all) {
      createEventLog(
        () => startMs,
        () => {},
        (line) => {
          written.push(event);
          // What the platform takes for an error (local/emulators/functions-host/console-lines.ts).
          assert.match(line, /error/);
        },
      )(event);
    }
    const [[rejected] = [notReadYet]] = samples.policy_rejected;
    assert.deepEqual(written, [rejected, notReadYet]);
  });
});
