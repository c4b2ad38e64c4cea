/** Of readings of the policy. */
export type PolicyEvent =
  | { event: "policy_applied"; etag: string; grants: number }
  | { event: "policy_rejected"; etag: string; problems: readonly { path: string; rule: string }[] }
  | { event: "policy_not_readable"; ageSeconds: number | undefined; because: string };
