import type { AccessPolicy } from "../../../src/domain/policy/access-policy.ts";
import type { PolicyReading, PolicySource } from "../../../src/domain/policy/ports.ts";

import type { PolicyProblem } from "../../../src/domain/policy/problem.ts";

/** Where the policy lies. */
export interface FakePolicySource extends PolicySource {
  /** The ETags that were sent, one for each reading. */
  readonly calls: (string | undefined)[];
  failure: Error | undefined;
  /** While set, readings wait for it. */
  gate: Promise<void> | undefined;
  put(content: AccessPolicy | PolicyProblem[]): void;
}

export function createFakePolicySource(first: AccessPolicy | PolicyProblem[]): FakePolicySource {
  const calls: (string | undefined)[] = [];
  let content = first;
  let version = 1;
  return {
    calls,
    failure: undefined,
    gate: undefined,
    put(next) {
      content = next;
      version += 1;
    },
    async read(etag): Promise<PolicyReading> {
      calls.push(etag);
      await this.gate;
      if (this.failure) throw this.failure;
      const current = `etag-${version}`;
      if (etag === current) return { changed: false };
      const changed = { changed: true as const, etag: current };
      return Array.isArray(content) ? { ...changed, problems: content } : { ...changed, policy: content };
    },
  } satisfies FakePolicySource;
}
