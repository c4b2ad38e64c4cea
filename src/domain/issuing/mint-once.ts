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

/** A new token, as a caller's request or a renewal asks for it. */
export interface MintCall {
  /** The key by which the mint and its failure are remembered: `mintKeyOf`. */
  key: string;
  order: TokenOrder & { caller: CallerRule };
  /** Whether a token that another instance has minted serves as well. */
  isAnswer: (token: SharedToken) => boolean;
}

/** Renewal starts at 75 to 85 % of the lifetime, so that tokens minted together are not renewed together. */
const renewAt = 0.75;
const renewJitter = 0.1;

/**
 * One mint at a time for one key, whoever asks (I1). It counts against the first caller's budget; the others wait for
 * it.
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

/** The token of the fleet where instances share them, and a mint otherwise. */
async function obtain(call: MintCall, context: IssuingContext): Promise<Result<CachedToken, Refusal>> {
  const { order, isAnswer } = call;
  const { sharedTokens } = context;
  // A disabled key version stops the client: only the vault can end that, by signing again.
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
    // Nobody waits for it.
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
      // An error that is no `Fault` is a bug: it must not cost a signature for every request either.
      const fault = error instanceof Fault ? error : new Fault("token_endpoint_rejected");
      context.failureCache.rememberFault(key, fault, context.clock());
    }
    throw error;
  }
}

function partsOf({ client, tenantId }: MintCall["order"], context: IssuingContext): NeededParts {
  if (client.federation) return { tenantId, identityClientId: client.federation.identityClientId };
  const keyId = context.credentials.certificateOf(client, context.clock())?.keyId;
  return keyId === undefined ? { tenantId } : { tenantId, keyId };
}

/** Keeps the token in this process, with a time of renewal of its own. */
function cache(
  { accessToken, expiresAt, lifetimeSeconds, mintedAtMs }: SharedToken,
  order: MintCall["order"],
  context: IssuingContext,
): CachedToken {
  const remaining = 1 - renewAt - renewJitter * context.random();
  const refreshAt = Math.floor(expiresAt - lifetimeSeconds * remaining);
  const token = { accessToken, expiresAt, mintedAtMs, refreshAt };
  context.tokenCache.set(tokenCacheKey({ ...order, cloud: order.cloud.name }), token);
  return token;
}
