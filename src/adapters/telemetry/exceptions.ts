import type { KeyholdEvent } from "../../domain/events.ts";

/**
 * The attributes of an exception. A log record with them is stored in AppExceptions and listed under Failures in
 * Application Insights (OpenTelemetry semantic conventions for exceptions). `attributes`: the event's own, with the
 * error's class and frames. The message is the event's name, because the error's message is not known here.
 */
export function exceptionOf(
  event: KeyholdEvent,
  attributes: Readonly<Record<string, string | number | boolean>>,
): Record<string, string> | undefined {
  const frames =
    event.event === "request_answered" ? event.fault?.frames : "frames" in event ? event.frames : undefined;
  if (!frames || frames.length === 0) return undefined;
  const type = String(attributes["fault.because"] ?? attributes.because ?? attributes["fault.code"] ?? "unexpected");
  const lines = frames.map((frame) => `    at ${frame.replace(/^(\S+) (\S+)$/, "$1 ($2)")}`);
  const { correlationId } = attributes;
  return {
    "exception.type": type,
    "exception.message": event.event,
    "exception.stacktrace": [`${type}: ${event.event}`, ...lines].join("\n"),
    ...(correlationId !== undefined && { correlationId: String(correlationId) }),
  };
}
