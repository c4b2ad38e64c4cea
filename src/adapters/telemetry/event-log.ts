import type { KeyholdEvent, RecordEvent } from "../../domain/events.ts";

/** The level of an event. Operators should look at `warn` and `error` first. */
function levelOf(event: KeyholdEvent): "info" | "warn" | "error" {
  switch (event.event) {
    case "request_answered":
      return event.outcome === "issued" ? "info" : event.outcome === "refused" ? "warn" : "error";
    case "shared_cache_failed":
      return event.reason === "not_ours" ? "error" : "warn";
    case "policy_applied":
    case "suspensions_applied":
    case "metadata_promoted":
    case "metadata_refresh_finished":
    case "sign_audit_finished":
    case "sign_audit_resolved":
    case "sign_rate_judged":
    case "credential_promoted":
    case "credential_retired":
    case "credential_enabled":
    case "credentials_checked":
      return "info";
    case "sign_audit_covered":
    case "sign_audit_noted":
    case "token_renewal_failed":
    case "signing_key_withdrawn":
    case "metadata_keys_differ":
    case "credential_expiring":
      return "warn";
    case "policy_rejected":
    case "policy_not_readable":
    case "ledger_outcome_lost":
    case "metadata_refused":
    case "metadata_discontinuous":
    case "metadata_keys_replaced":
    case "metadata_known_key_changed":
    case "metadata_record_refused":
    case "metadata_stale":
    case "metadata_store_unavailable":
    case "metadata_not_republished":
    case "sign_audit_finding":
    case "sign_audit_failed":
    case "sign_rate_abnormal":
    case "credential_canary_failed":
    case "credential_disabled":
    case "credential_fallback":
    case "credential_drift":
    case "credentials_check_failed":
    case "telemetry_load_failed":
      return "error";
    default:
      return event satisfies never;
  }
}

/**
 * Whether the event explains why a running instance issues nothing: the policy was rejected, or none was read yet. This
 * must be visible even if telemetry is not sent (yet).
 */
function tellsWhyNothingIsIssued(event: KeyholdEvent): boolean {
  return event.event === "policy_rejected" || (event.event === "policy_not_readable" && event.ageSeconds === undefined);
}

/**
 * Writes one JSON line per event to the process's own output. The platform drops lines of the standard output. A line
 * of the standard error that contains the word "error" is kept as an error, so `writeError` gets the events that must
 * be visible there (docs/reference/telemetry.md).
 */
export function createEventLog(
  clock: () => number,
  write: (line: string) => void,
  writeError: (line: string) => void,
): RecordEvent {
  return (event) => {
    const line = JSON.stringify({ time: new Date(clock()).toISOString(), level: levelOf(event), ...event });
    (tellsWhyNothingIsIssued(event) ? writeError : write)(line);
  };
}

/** The process's own output. */
interface LineOutput {
  write(text: string): unknown;
}

/**
 * Collects lines for `withinMs` milliseconds and writes them together. Output to a pipe is synchronous, and one write
 * per request was the largest part of the cost of a refusal. `flush` writes the rest when the process ends.
 */
export function createLineWriter(output: LineOutput, withinMs = 20): { write(line: string): void; flush(): void } {
  let lines: string[] = [];
  const flush = () => {
    if (lines.length === 0) return;
    const text = `${lines.join("\n")}\n`;
    lines = [];
    output.write(text);
  };
  return {
    write(line) {
      if (lines.length === 0) setTimeout(flush, withinMs).unref();
      lines.push(line);
    },
    flush,
  };
}
