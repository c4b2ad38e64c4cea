import type { PolicyProblem } from "./problem.ts";

/** The two documents that decide who gets access to what. */
export type PolicyDocumentName = "policy" | "suspensions";

/** Events of reading the policy and the suspensions beside it. */
export type PolicyEvent =
  /** `withheld`: number of scopes in grants that are refused in the home tenant. */
  | { event: "policy_applied"; etag: string; grants: number; withheld: number }
  | { event: "suspensions_applied"; etag: string; tenants: number; callers: number; clients: number }
  | { event: "policy_rejected"; document: PolicyDocumentName; etag: string; problems: readonly PolicyProblem[] }
  | {
      event: "policy_not_readable";
      document: PolicyDocumentName;
      ageSeconds: number | undefined;
      because: string;
    };
