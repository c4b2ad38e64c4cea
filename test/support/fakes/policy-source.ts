import type { AccessPolicy } from "../../../src/domain/policy/access-policy.ts";
import type { DocumentSource, Reading } from "../../../src/domain/policy/ports.ts";
import type { PolicyProblem } from "../../../src/domain/policy/problem.ts";
import { compileSuspensions, type SuspendedKind, type Suspensions } from "../../../src/domain/policy/suspensions.ts";
import type { Guid } from "../../../src/domain/shared/guid.ts";

/** A document source in memory. */
export interface FakeSource<T> extends DocumentSource<T> {
  /** The ETags that were sent, one for each read. */
  readonly calls: (string | undefined)[];
  failure: Error | undefined;
  /** While set, reads wait for it. */
  gate: Promise<void> | undefined;
  put(content: T | PolicyProblem[]): void;
}

export type FakePolicySource = FakeSource<AccessPolicy>;

export function createFakePolicySource(first: AccessPolicy | PolicyProblem[]): FakePolicySource {
  return createFakeSource(first, "etag");
}

export function createFakeSuspensionsSource(): FakeSource<Suspensions> {
  return createFakeSource<Suspensions>(suspended(), "suspensions");
}

/** The compiled suspensions of these entries. */
export function suspended(...entries: [kind: SuspendedKind, id: Guid][]): Suspensions {
  const suspensions = entries.map(([kind, id]) => ({ kind, id, by: "tests", at: "2026-06-01T12:00:00Z" }));
  return compileSuspensions({ suspensions });
}

function createFakeSource<T>(first: T | PolicyProblem[], etagPrefix: string): FakeSource<T> {
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
    async read(etag): Promise<Reading<T>> {
      calls.push(etag);
      await this.gate;
      if (this.failure) throw this.failure;
      const current = `${etagPrefix}-${version}`;
      if (etag === current) return { changed: false };
      const changed = { changed: true as const, etag: current };
      return Array.isArray(content) ? { ...changed, problems: content } : { ...changed, value: content };
    },
  } satisfies FakeSource<T>;
}
