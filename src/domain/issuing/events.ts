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
      /** Of an unexpected error, as in `FaultReport`. */
      frames?: readonly string[];
    }
  | {
      /**
       * Entra has withdrawn keys at once: `cachedTokens` of this instance are minted again when they are next
       * requested.
       */
      event: "signing_key_withdrawn";
      /** Names of the keys. */
      kids: readonly string[];
      cachedTokens: number;
    }
  | {
      /** This instance mints for itself meanwhile. Reported once a minute for each operation and reason. */
      event: "shared_cache_failed";
      operation: "find" | "claim" | "store" | "release" | "sweep" | "unwrap";
      /** `not_ours`: a row that no instance has written for its place, so somebody else writes to the table. */
      reason: "failed" | "not_ours";
      /** Class and status of the error, or what is wrong with the row. */
      because: string;
    };

export interface FaultReport {
  /** `unexpected` for what is no `Fault`: a bug, of which the error's class and its stack frames are reported. */
  code: FaultCode | "unexpected";
  codes?: readonly number[];
  because?: string;
  /** `function file:line:column` of an unexpected error, the innermost first; never its message. */
  frames?: readonly string[];
}
