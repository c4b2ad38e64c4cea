import type { FaultCode } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";
import type { Refusal } from "./refusal.ts";

/** Events of requests, of renewals in the background, and of the shared tokens. */
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
      /** Stack frames of an unexpected error, as in `FaultReport`. */
      frames?: readonly string[];
    }
  | {
      /**
       * Entra has withdrawn keys without notice. `cachedTokens`: how many tokens of this instance are minted again when
       * they are next requested.
       */
      event: "signing_key_withdrawn";
      /** Key ids (`kid`). */
      kids: readonly string[];
      cachedTokens: number;
    }
  | {
      /**
       * Until it works again, this instance mints its own tokens. Reported once a minute for each operation and reason.
       */
      event: "shared_cache_failed";
      operation: "find" | "claim" | "store" | "release" | "sweep" | "unwrap";
      /** `not_ours`: no instance wrote this row for its key, so somebody else writes to the table. */
      reason: "failed" | "not_ours";
      /** Class and status of the error, or what is wrong with the row. */
      because: string;
    };

export interface FaultReport {
  /** `unexpected`: not a `Fault`, so a bug. The error's class and stack frames are reported. */
  code: FaultCode | "unexpected";
  codes?: readonly number[];
  because?: string;
  /** `function file:line:column` of an unexpected error, the innermost first; never its message. */
  frames?: readonly string[];
}
