/**
 * Keyhold's own domain objects, composed as in composition.ts, with a vault, an Entra and a ledger that only answer.
 * They record nothing, so that the remaining memory is Keyhold's.
 */
import { randomBytes } from "node:crypto";
import { limited } from "../../src/adapters/azure/deadline.ts";
import { createCurrentCredentials } from "../../src/domain/credentials/current-credentials.ts";
import type { IssuingContext } from "../../src/domain/issuing/context.ts";
import { createFailureCache } from "../../src/domain/issuing/failure-cache.ts";
import { issueToken } from "../../src/domain/issuing/issue-token.ts";
import { createMintBudget } from "../../src/domain/issuing/mint-budget.ts";
import { createPartHealth } from "../../src/domain/issuing/part-health.ts";
import { createTokenCache } from "../../src/domain/issuing/token-cache.ts";
import type { AccessPolicy } from "../../src/domain/policy/access-policy.ts";
import { compilePolicy } from "../../src/domain/policy/compile.ts";
import { createCurrentPolicy } from "../../src/domain/policy/current-policy.ts";
import type { DocumentSource } from "../../src/domain/policy/ports.ts";
import type { PolicyProblem } from "../../src/domain/policy/problem.ts";
import { suspendsNothing } from "../../src/domain/policy/suspensions.ts";
import { clouds } from "../../src/domain/shared/cloud.ts";
import type { Guid } from "../../src/domain/shared/guid.ts";
import { createLedgerId } from "../../src/domain/signing/ledger-id.ts";
import { signatureBy } from "../../test/support/fakes/signer.ts";
import { certificateNotBeforeMs, registered } from "../../test/support/fixtures/certificates.ts";
import * as ids from "../../test/support/fixtures/ids.ts";

/** A document that never changes. */
function constantSource<T>(value: T): DocumentSource<T> {
  return { read: async (etag) => (etag === undefined ? { changed: true, etag: "1", value } : { changed: false }) };
}

/** Node keeps the timer of a deadline until it fires. Short ones are over when the heap is measured. */
export const deadlineMs = 500;
/** As long as Entra's tokens are with a few roles. */
export const tokenBytes = 1_600;

export interface PolicySize {
  tenants: number;
  /** Each caller has its own grant for each of the tenants; 0: all active ones. */
  callers: number;
  tenantsPerGrant: number;
}

export function compileOf({ tenants, callers, tenantsPerGrant }: PolicySize): AccessPolicy {
  const names = Array.from({ length: tenants }, (_, i) => `tenant-${i}`);
  const compiled: AccessPolicy | PolicyProblem[] = compilePolicy(
    {
      clients: [
        {
          ...{ name: "client", clientId: ids.clientId, state: "active" },
          certificates: [
            {
              keyId: `https://keyhold-bench.vault.azure.net/keys/client/${"0".repeat(32)}`,
              certificate: registered.pem,
            },
          ],
        },
      ],
      tenants: names.map((name, i) => ({ name, tenantId: tenantOf(i), state: "active" })),
      callers: Array.from({ length: callers }, (_, i) => {
        return { name: `caller-${i}`, tenantId: ids.homeTenantId, objectId: callerOf(i), state: "active" };
      }),
      grants: Array.from({ length: callers }, (_, i) => ({
        ...{ caller: `caller-${i}`, client: "client", scopes: [ids.graphScope], issues: ["token"] },
        tenants: tenantsPerGrant === 0 ? "all-active" : names.slice(0, tenantsPerGrant),
      })),
      metadata: [],
      homeApis: [],
    },
    { cloud: clouds.public, homeTenantId: ids.homeTenantId, nowMs: certificateNotBeforeMs },
  );
  if (Array.isArray(compiled)) throw new Error(JSON.stringify(compiled.slice(0, 3)));
  return compiled;
}

export function tenantOf(number: number): Guid {
  return ids.guid(`42000000-0000-4000-8000-${String(number).padStart(12, "0")}`);
}

export function callerOf(number: number): Guid {
  return ids.guid(`62000000-0000-4000-8000-${String(number).padStart(12, "0")}`);
}

export interface InMemory {
  context: IssuingContext;
  clock: { nowMs: number };
  /** The request times of the signatures so far. */
  signedAtMs: number[];
  /** Requests a token as this caller. Returns whether it was cached. @throws if there is no token */
  ask(caller: number, tenant: number): Promise<boolean>;
}

export function createInMemory(policy: AccessPolicy, lifetimeSeconds: () => number = () => 3_600): InMemory {
  const clock = { nowMs: certificateNotBeforeMs + 86_400_000 };
  const signedAtMs: number[] = [];
  const nothing = () => {};
  // Signing takes longer than everything else, so the signature of one assertion is reused.
  let signed: { digest: string; signature: Uint8Array } | undefined;
  const context: IssuingContext = {
    cloud: clouds.public,
    instance: "bench",
    startDeadline: (withinMs) => ({
      atMs: clock.nowMs + withinMs,
      signal: AbortSignal.timeout(Math.min(withinMs, deadlineMs)),
    }),
    callerVerifier: {
      // The token is the caller's object id: the cost of verifying a signature does not depend on the number of
      // callers.
      verify: async (token) => ({
        ok: true,
        value: { tenantId: ids.homeTenantId, objectId: token as Guid, azp: undefined },
      }),
    },
    currentPolicy: createCurrentPolicy(
      { policy: constantSource(policy), suspensions: constantSource(suspendsNothing) },
      nothing,
      nothing,
    ),
    tokenCache: createTokenCache({ maxTokens: 1_000_000, maxBytes: 2 ** 30 }),
    failureCache: createFailureCache(20_000),
    withdrawnKeys: () => new Map(),
    parts: createPartHealth(),
    budget: createMintBudget({ perMinute: 1e9, perMinutePerCaller: 1e9 }),
    flights: new Map(),
    signer: {
      sign: ({ keyId, digest, algorithm, signal }) =>
        limited(
          5_000,
          async () => {
            signedAtMs.push(clock.nowMs);
            const text = Buffer.from(digest).toString("base64");
            if (signed?.digest !== text)
              signed = { digest: text, signature: signatureBy(registered.privateKey, digest, algorithm) };
            return { signature: signed.signature, keyId, requestId: "" };
          },
          signal,
        ),
    },
    federatedIdentity: { getAssertion: async () => "", replace: async () => false },
    tokenEndpoint: {
      requestToken: ({ signal }) =>
        limited(
          10_000,
          async () => {
            const accessToken = randomBytes((3 * tokenBytes) / 4).toString("base64url");
            return { issued: true, accessToken, expiresInSeconds: lifetimeSeconds() };
          },
          signal,
        ),
    },
    credentials: createCurrentCredentials(
      { load: async () => new Map(), update: async (_, change) => change([]) },
      nothing,
    ),
    ledger: { recordIntent: async () => {}, recordOutcome: nothing },
    clock: () => clock.nowMs,
    newLedgerId: createLedgerId,
    sleep: async () => {},
    random: Math.random,
    framesOf: () => [],
    record: nothing,
  };
  return {
    context,
    clock,
    signedAtMs,
    async ask(caller, tenant) {
      const request = {
        tenantId: tenantOf(tenant),
        clientId: ids.clientId,
        scope: ids.graphScope,
        callerToken: callerOf(caller),
      };
      const issued = await issueToken(request, context);
      if (!issued.ok) throw new Error(JSON.stringify(issued.refusal));
      return issued.value.cached;
    },
  };
}
