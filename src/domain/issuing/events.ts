import type { FaultCode } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";
import type { Refusal } from "./refusal.ts";

/** Of requests, and of the renewals that nobody waits for. */
export type IssuingEvent =
  | {
      event: "request_answered";
      operation: "token" | "assertion";
      correlationId: string;
      outcome: "issued" | "refused" | "fault";
      tenantId?: Guid;
      clientId?: Guid;
      scope?: string;
      callerObjectId?: Guid;
      callerName?: string;
      cached?: boolean;
      /** Full detail of the refusal, which the caller does not get. */
      refusal?: Refusal;
      fault?: FaultReport;
      durationMs: number;
    }
  | {
      event: "token_renewal_failed";
      tenantId: Guid;
      clientId: Guid;
      scope: string;
      reason: string;
      codes?: readonly number[];
      /** Of an unexpected error, as in `FaultReport`. */
      frames?: readonly string[];
    };

export interface FaultReport {
  /** `unexpected` for what is no `Fault`: a bug, of which the error's class and its stack frames are reported. */
  code: FaultCode | "unexpected";
  codes?: readonly number[];
  because?: string;
  /** `function file:line:column` of an unexpected error, the innermost first; never its message. */
  frames?: readonly string[];
}
