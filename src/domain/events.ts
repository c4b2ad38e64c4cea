import type { AuditEvent } from "./audit/events.ts";
import type { CredentialEvent } from "./credentials/events.ts";
import type { IssuingEvent } from "./issuing/events.ts";
import type { MetadataEvent } from "./metadata/events.ts";
import type { PolicyEvent } from "./policy/events.ts";
import type { LedgerEvent } from "./signing/events.ts";

/**
 * What happened, for operators. A closed list of names and fields: what is not here cannot be logged, so no token,
 * assertion or key URL can be either (T5, invariant I6). Each folder of the domain defines its own events and takes a
 * function that records them; this union is for the adapters that write all of them down.
 */
export type KeyholdEvent =
  | IssuingEvent
  | PolicyEvent
  | LedgerEvent
  | MetadataEvent
  | AuditEvent
  | CredentialEvent
  | TelemetryEvent;

/** Of telemetry itself: its SDK could not be loaded. `frames` are `function file:line:column`, the innermost first. */
export type TelemetryEvent = { event: "telemetry_load_failed"; because: string; frames: readonly string[] };

export type RecordEvent = (event: KeyholdEvent) => void;
