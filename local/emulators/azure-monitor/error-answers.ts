/**
 * Azure Monitor's error answers as they are on the wire, and the bodies of injected faults. The texts are our own
 * words.
 */
import type { EmulatorResponse, Fault } from "../shared/emulator-server.ts";
import { resultColumns } from "./log-query.ts";

interface ErrorInfo {
  code: string;
  message: string;
  details?: { code: string; message: string }[];
  innererror?: ErrorInfo;
}

export function errorAnswer(status: number, code: string, message: string, innererror?: ErrorInfo): EmulatorResponse {
  return { status, body: { error: { code, message, ...(innererror && { innererror }) } } };
}

/** Sent beside the tables of an answer with status 200 when they are incomplete. */
export function partialError(message: string): ErrorInfo {
  return {
    code: "PartialError",
    message: "There were some errors when processing your query.",
    details: [{ code: "EngineError", message: "Something went wrong processing your query on the server." }],
    innererror: { code: "E_QUERY_RESULT_SET_TOO_LARGE", message },
  };
}

/** Answer parts of the usual faults, to be spread into a `Fault`. */
export const faultAnswers = {
  throttled: {
    status: 429,
    headers: { "retry-after": "1" },
    body: { error: { code: "ThrottledError", message: "Too many requests for the principal of this call." } },
  },
  internalError: { status: 500, body: { error: { code: "InternalServerError", message: "An error has occurred." } } },
  /** Sent by a proxy in front of the service, so it is not JSON. */
  badGateway: { status: 502, headers: { "content-type": "text/html" }, body: "<html><h1>502 Bad Gateway</h1></html>" },
  /** A partial answer without rows. */
  partial: {
    status: 200,
    body: {
      tables: [{ name: "PrimaryResult", columns: resultColumns, rows: [] }],
      error: partialError("The query ran out of its share of resources."),
    },
  },
} satisfies Record<string, Partial<Fault>>;
