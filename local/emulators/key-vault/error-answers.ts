/**
 * Key Vault's error answers as they are on the wire: a refusal thrown by any step, and the bodies of injected faults.
 * The messages follow public reports of the real service; if none is known, they are our own words.
 */
import type { EmulatorResponse, Fault } from "../shared/emulator-server.ts";

interface ErrorBody {
  error: { code: string; message: string; innererror?: { code: string } };
}

/** Ends a request with this error answer. The text is also the ResultDescription in the audit log. */
export class Refusal extends Error {
  answer: EmulatorResponse;

  constructor(status: number, code: string, message: string, innerCode?: string) {
    super(message);
    this.answer = { status, body: errorBody(code, message, innerCode) };
  }
}

export function badParameter(message: string): Refusal {
  return new Refusal(400, "BadParameter", message);
}

export function objectNotFound(kind: "Key" | "Secret", nameAndVersion: string): Refusal {
  const message = `A ${kind.toLowerCase()} with (name/id) ${nameAndVersion} was not found in this key vault. If you recently deleted this ${kind.toLowerCase()} you may be able to recover it using the correct recovery command.`;
  return new Refusal(404, `${kind}NotFound`, message);
}

/** A 403 that depends on the object, not on the caller. */
export function forbiddenObject(message: string, innerCode: string): Refusal {
  return new Refusal(403, "Forbidden", message, innerCode);
}

/** Answer parts of the usual faults, to be spread into a `Fault`. */
export const faultAnswers = {
  /** Without Retry-After, as observed on the real service. */
  throttled: {
    status: 429,
    body: errorBody(
      "Throttled",
      "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached",
    ),
  },
  forbiddenByRbac: {
    status: 403,
    body: errorBody("Forbidden", "Caller is not authorized to perform action on resource.", "ForbiddenByRbac"),
  },
  internalError: {
    status: 500,
    body: errorBody("InternalServerError", "An internal server error occurred."),
  },
} satisfies Record<string, Partial<Fault>>;

/** A fault that has only a status is answered with the usual body for it. */
export function withUsualBody(answer: EmulatorResponse): EmulatorResponse {
  if (answer.body !== undefined) return answer;
  const usual = Object.values(faultAnswers).find((fault) => fault.status === answer.status);
  return { ...answer, body: usual?.body ?? errorBody("InjectedFault", "Injected by the emulator's behaviour.") };
}

export function messageOf(body: unknown): string {
  const error = (body as Partial<ErrorBody> | undefined)?.error;
  return typeof error?.message === "string" ? error.message : "";
}

function errorBody(code: string, message: string, innerCode?: string): ErrorBody {
  return { error: { code, message, ...(innerCode === undefined ? {} : { innererror: { code: innerCode } }) } };
}
