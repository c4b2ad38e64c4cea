import type { CallerRule } from "../policy/access-policy.ts";
import { Fault } from "../shared/fault.ts";
import { ok, type Result } from "../shared/result.ts";
import type { IssuingContext } from "./context.ts";
import type { TokenOrder } from "./exchange.ts";
import { findInFleet } from "./fleet.ts";
import { mint } from "./mint.ts";
import type { NeededParts } from "./parts.ts";
import type { SharedToken } from "./ports.ts";
import type { Refusal } from "./refusal.ts";
import { type CachedToken, type TokenCacheKey, tokenCacheKey } from "./token-cache.ts";

/** A request for a new token, by a caller or a renewal. */
export interface MintCall {
  /** The key under which the mint and its failure are stored: `mintKeyOf`. */
  key: string;
  order: TokenOrder & { caller: CallerRule };
  /** Whether a token that another instance minted satisfies this request. */
  isAnswer: (token: SharedToken) => boolean;
}

/** Renewal starts at 75 to 85 % of the lifetime, so that tokens minted together are not renewed together. */
const renewAt = 0.75;
const renewJitter = 0.1;

/**
 * Runs at most one mint at a time for each key, however many callers ask (I1). It counts against the first caller's
 * budget; the others wait for its result.
 */
export async function mintOnce(call: MintCall, context: IssuingContext): Promise<Result<CachedToken, Refusal>> {
  const { key } = call;
  const flight = context.flights.get(key);
  if (flight) return flight;
  const failure = context.failureCache.get(key, context.clock());
  if (failure) return failure;
  const started = obtain(call, context).finally(() => context.flights.delete(key));
  context.flights.set(key, started);
  return started;
}

/** The token from the fleet if instances share tokens, otherwise a new one. */
async function obtain(call: MintCall, context: IssuingContext): Promise<Result<CachedToken, Refusal>> {
  const { order, isAnswer } = call;
  const { sharedTokens } = context;
  // A disabled key version stops the client until the vault signs again, so only a mint can find out.
  if (!sharedTokens || context.credentials.isStopped(order.client, context.clock())) {
    const minted = await mintWithinBudget(call, context);
    return minted.ok ? ok(cache(minted.value, order, context)) : minted;
  }
  const place: TokenCacheKey = { ...order, cloud: order.cloud.name };
  const found = await findInFleet(place, isAnswer, { ...context, sharedTokens });
  if (found) return ok(cache(found, order, context));
  let shared: SharedToken | undefined;
  try {
    const minted = await mintWithinBudget(call, context);
    if (!minted.ok) return minted;
    shared = minted.value;
    return ok(cache(minted.value, order, context));
  } finally {
    // Not awaited: the answer does not depend on it.
    void (shared ? sharedTokens.store(place, shared) : sharedTokens.release(place));
  }
}

async function mintWithinBudget(
  { key, order }: MintCall,
  context: IssuingContext,
): Promise<Result<SharedToken, Refusal>> {
  const startedMs = context.clock();
  const visit = context.parts.enter(partsOf(order, context), startedMs);
  const budget = context.budget.take(order.caller.objectId, startedMs);
  if (!budget.ok) {
    visit.abandoned();
    return budget;
  }
  try {
    const minted = await mint(order, context);
    visit.succeeded();
    if (minted.ok) return ok({ ...minted.value, mintedAtMs: Math.min(startedMs, context.clock()) });
    context.failureCache.rememberRefusal(key, minted.refusal, context.clock());
    return minted;
  } catch (error) {
    if (!visit.failed(error, context.clock())) {
      // An error that is not a `Fault` is a bug. It must not cost a signature for every request either.
      const fault = error instanceof Fault ? error : new Fault("token_endpoint_rejected");
      context.failureCache.rememberFault(key, fault, context.clock());
    }
    throw error;
  }
}

function partsOf({ client, tenantId }: MintCall["order"], context: IssuingContext): NeededParts {
  if (client.federation) return { tenantId, identityClientId: client.federation.identityClientId };
  return { tenantId, keyId: context.credentials.certificateOf(client, context.clock())?.keyId };
}

/** Caches the token in this process, with its own jittered renewal time. */
function cache(
  { accessToken, expiresAt, lifetimeSeconds, mintedAtMs }: SharedToken,
  order: MintCall["order"],
  context: IssuingContext,
): CachedToken {
  const remaining = 1 - renewAt - renewJitter * context.random();
  const refreshAt = expiresAt - lifetimeSeconds * remaining;
  const token = { accessToken, expiresAt, mintedAtMs, refreshAt };
  context.tokenCache.set(tokenCacheKey({ ...order, cloud: order.cloud.name }), token);
  return token;
}
