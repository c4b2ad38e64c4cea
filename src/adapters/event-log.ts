import type { KeyholdEvent, RecordEvent } from "../domain/events.ts";

/** Where operators should look first. */
function levelOf(event: KeyholdEvent): "info" | "warn" | "error" {
  switch (event.event) {
    case "request_answered":
      return event.outcome === "issued" ? "info" : event.outcome === "refused" ? "warn" : "error";
    case "policy_applied":
    case "caller_keys_refreshed":
      return "info";
    case "token_renewal_failed":
    case "caller_keys_not_refreshed":
      return "warn";
    case "policy_rejected":
    case "policy_not_readable":
    case "ledger_outcome_lost":
      return "error";
    default:
      return event satisfies never;
  }
}

/** One JSON line per event, to the process's own output, which the Functions host collects. */
export function createEventLog(clock: () => number, write: (line: string) => void): RecordEvent {
  return (event) => write(JSON.stringify({ time: new Date(clock()).toISOString(), level: levelOf(event), ...event }));
}
