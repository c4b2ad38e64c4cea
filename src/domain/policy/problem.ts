import type { Cloud } from "../shared/cloud.ts";
import type { Guid } from "../shared/guid.ts";

/** One thing that is wrong with a policy: where, and the rule with its remedy. Never the value. */
export interface PolicyProblem {
  /** In the text, both from 1 on; undefined where there is no text, or it is not known. */
  line?: number;
  column?: number;
  path: string;
  rule: string;
}

export interface PolicyContext {
  cloud: Cloud;
  homeTenantId: Guid;
  /** Keyhold's own application, where it is known. */
  keyholdApplicationId?: Guid | undefined;
  /** When the policy is read, milliseconds since 1970. */
  nowMs: number;
}

/** Notes a problem; none stops the others from being found. */
export type Report = (path: string, rule: string) => void;
