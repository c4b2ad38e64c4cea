import type { Authorization, CallerRule } from "../policy/access-policy.ts";
import type { CurrentPolicy } from "../policy/current-policy.ts";
import type { Cloud } from "../shared/cloud.ts";
import { Fault } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";
import { ok, type Result } from "../shared/result.ts";
import type { Scope } from "../shared/scope.ts";
import { admit } from "./admit.ts";

import type { IssuingEvent } from "./events.ts";
import type { TokenOrder } from "./exchange.ts";
import type { FailureCache } from "./failure-cache.ts";
import { acceptsOlder, type Demand, isNewEnough, mintKeyOf, satisfies } from "./freshness.ts";
import { mint } from "./mint.ts";
import type { MintBudget } from "./mint-budget.ts";
import type { PartHealth, Visit } from "./part-health.ts";
import type { NeededParts } from "./parts.ts";
import type { CallerVerifier, IssuingPorts } from "./ports.ts";
import type { Refusal } from "./refusal.ts";
import { type CachedToken, type TokenCache, tokenCacheKey } from "./token-cache.ts";

export interface TokenRequest {
  tenantId: Guid;
  clientId: Guid;
  scope: Scope;
  callerToken: string;
  /** Where the caller asks for a new token. */
  demand?: Demand;
}

export interface IssuedToken {
  accessToken: string;
  /** Counts down for a cached token. */
  expiresInSeconds: number;
  cached: boolean;
}

/** All that issuing needs: ports to the outside, and the state that one process keeps. */
export interface IssuingContext extends IssuingPorts {
  cloud: Cloud;
  instance: string;
  callerVerifier: CallerVerifier;
  currentPolicy: CurrentPolicy;
  tokenCache: TokenCache;
  failureCache: FailureCache;
  parts: PartHealth;
  budget: MintBudget;
  /** Mints under way, by `mintKeyOf`. */
  flights: Map<string, Promise<Result<CachedToken, Refusal>>>;
  record: (event: IssuingEvent) => void;
}

type CallersOrder = TokenOrder & { caller: CallerRule };

/** A token with less left than this is no help to a caller: a new one is minted first, if that can be done. */
const minRemainingSeconds = 120;
/** Renewal starts at 75 to 85 % of the lifetime, so that tokens minted together are not renewed together. */
const renewAt = 0.75;
const renewJitter = 0.1;
/** Seconds from one try of a renewal to the next. */
const renewRetrySeconds = 30;

/**
 * The way of a token: verify caller -> authorize -> cached? -> mint (once for all who wait) -> answer.
 * Authorization comes before the cache on every request, so a suspension takes effect on cached tokens too.
 */
export async function issueToken(
  request: TokenRequest,
  context: IssuingContext,
  /** Told who asks as soon as that is certain, whatever becomes of the request. */
  onAdmitted: (authorization: Authorization) => void = () => {},
): Promise<Result<IssuedToken, Refusal>> {
  const admitted = await admit({ ...request, issues: "token" }, context);
  if (!admitted.ok) return admitted;
  onAdmitted(admitted.value);
  const { client, tenant } = admitted.value;
  const key = tokenCacheKey({ cloud: context.cloud.name, ...request });
  const nowSeconds = secondsOf(context);
  // A disabled key version stops the client: what is cached is not handed out either, until the vault signs again.
  const fromCache = () => {
    if (context.credentials.isStopped(client, context.clock())) return undefined;
    const token = context.tokenCache.get(key, secondsOf(context));
    return token && isNewEnough(token, tenant) ? token : undefined;
  };
  const cached = fromCache();
  const isLongEnough = cached && cached.expiresAt - nowSeconds >= minRemainingSeconds;
  if (isLongEnough && satisfies(cached, request.demand, context.clock())) {
    if (nowSeconds >= cached.refreshAt)
      renewInBackground(key, cached, orderOf(request, admitted.value, context), context);
    return ok(issued(cached, true, nowSeconds));
  }
  const mintKey = mintKeyOf(key, request.demand);
  const fallback = () => (acceptsOlder(request.demand) ? fromCache() : undefined);
  try {
    const order = orderOf(request, admitted.value, context);
    let minted = await mintOnce(mintKey, order, context);
    // A mint that was under way when the policy discarded older tokens: the next one is new enough.
    if (minted.ok && !isNewEnough(minted.value, tenant)) minted = await mintOnce(mintKey, order, context);
    if (minted.ok) return ok(issued(minted.value, false, secondsOf(context)));
    // What is still valid is served to the end, whatever is down (I3).
    const token = fallback();
    return token ? ok(issued(token, true, secondsOf(context))) : minted;
  } catch (error) {
    const token = fallback();
    if (!token) throw error;
    return ok(issued(token, true, secondsOf(context)));
  }
}

function orderOf({ scope, demand }: TokenRequest, admitted: Authorization, context: IssuingContext): CallersOrder {
  const { caller, client, tenant } = admitted;
  const { cloud, instance } = context;
  const { clientId } = client;
  const claims = typeof demand === "object" ? demand : {};
  return { purpose: "token", caller, client, clientId, tenantId: tenant.tenantId, scope, ...claims, cloud, instance };
}

/** One mint at a time for one key, whoever asks (I1): the first pays from its budget, the others wait with it. */
async function mintOnce(
  key: string,
  order: CallersOrder,
  context: IssuingContext,
): Promise<Result<CachedToken, Refusal>> {
  const flight = context.flights.get(key);
  if (flight) return flight;
  const nowMs = context.clock();
  const failure = context.failureCache.get(key, nowMs);
  if (failure) return failure;
  const visit = context.parts.enter(partsOf(order, context), nowMs);
  const budget = context.budget.take(order.caller.objectId, nowMs);
  if (!budget.ok) {
    visit.abandoned();
    return budget;
  }
  const started = mintAndCache(key, order, visit, context).finally(() => context.flights.delete(key));
  context.flights.set(key, started);
  return started;
}

function partsOf({ client, tenantId }: CallersOrder, context: IssuingContext): NeededParts {
  if (client.federation) return { tenantId, identityClientId: client.federation.identityClientId };
  const keyId = context.credentials.certificateOf(client, context.clock())?.keyId;
  return keyId === undefined ? { tenantId } : { tenantId, keyId };
}

async function mintAndCache(
  key: string,
  order: CallersOrder,
  visit: Visit,
  context: IssuingContext,
): Promise<Result<CachedToken, Refusal>> {
  const mintedAtMs = context.clock();
  try {
    const minted = await mint(order, context);
    visit.succeeded();
    if (!minted.ok) {
      context.failureCache.rememberRefusal(key, minted.refusal, context.clock());
      return minted;
    }
    const { accessToken, expiresAt, lifetimeSeconds } = minted.value;
    const remaining = 1 - renewAt - renewJitter * context.random();
    const refreshAt = Math.floor(expiresAt - lifetimeSeconds * remaining);
    const token = { accessToken, expiresAt, mintedAtMs, refreshAt };
    context.tokenCache.set(tokenCacheKey({ ...order, cloud: order.cloud.name }), token);
    return ok(token);
  } catch (error) {
    if (!visit.failed(error, context.clock())) {
      // What is no `Fault` is a bug: it must not sign anew for every request either.
      const fault = error instanceof Fault ? error : new Fault("token_endpoint_rejected");
      context.failureCache.rememberFault(key, fault, context.clock());
    }
    throw error;
  }
}

/** Nobody waits for it and its failure hurts nobody: the old token is served to its end, and tried again meanwhile. */
function renewInBackground(key: string, cached: CachedToken, order: CallersOrder, context: IssuingContext): void {
  cached.refreshAt = secondsOf(context) + renewRetrySeconds;
  const failed = (why: { reason: string; codes?: readonly number[]; frames?: readonly string[] }) =>
    context.record({
      event: "token_renewal_failed",
      tenantId: order.tenantId,
      clientId: order.clientId,
      scope: order.scope,
      ...why,
    });
  mintOnce(key, order, context).then(
    (minted) => {
      if (!minted.ok) failed({ reason: minted.refusal.reason });
    },
    (error) => {
      if (!(error instanceof Fault)) return failed({ reason: "unexpected", frames: context.framesOf(error) });
      const { codes } = error.detail;
      failed({ reason: error.code, ...(codes && { codes }) });
    },
  );
}

function issued(token: CachedToken, cached: boolean, nowSeconds: number): IssuedToken {
  return {
    accessToken: token.accessToken,
    expiresInSeconds: Math.max(0, token.expiresAt - nowSeconds),
    cached,
  };
}

function secondsOf(context: IssuingContext): number {
  return Math.floor(context.clock() / 1000);
}
