import type { Cloud } from "../shared/cloud.ts";
import type { Guid } from "../shared/guid.ts";

/** One problem in a policy: its place, and the rule with its remedy. Never the value. */
export interface PolicyProblem {
  /** Position in the text, both counted from 1; undefined if there is no text or the position is not known. */
  line?: number;
  column?: number;
  path: string;
  rule: string;
}

export interface PolicyContext {
  cloud: Cloud;
  homeTenantId: Guid;
  /** Client id of Keyhold's own application, if known. */
  keyholdApplicationId?: Guid | undefined;
  /** The time of the read, milliseconds since 1970. */
  nowMs: number;
}

/** Notes a problem. The check continues, so that all problems are found. */
export type Report = (path: string, rule: string) => void;
