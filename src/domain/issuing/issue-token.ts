import type { Authorization } from "../policy/access-policy.ts";
import { Fault } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";
import { ok, type Result } from "../shared/result.ts";
import type { Scope } from "../shared/scope.ts";
import { admit } from "./admit.ts";
import type { IssuingContext } from "./context.ts";

import { acceptsOlder, type Demand, isFromTheFuture, isNewEnough, mintKeyOf, satisfies } from "./freshness.ts";
import { type MintCall, mintOnce } from "./mint-once.ts";
import type { SharedToken } from "./ports.ts";
import type { Refusal } from "./refusal.ts";
import { type CachedToken, tokenCacheKey } from "./token-cache.ts";
import { isOfWithdrawnKey } from "./withdrawn-keys.ts";

export interface TokenRequest {
  tenantId: Guid;
  clientId: Guid;
  scope: Scope;
  callerToken: string;
  /** Set if the caller asks for a new token. */
  demand?: Demand;
}

export interface IssuedToken {
  accessToken: string;
  /** Counts down for a cached token. */
  expiresInSeconds: number;
  cached: boolean;
}

/** A token with less time left than this is of little use to a caller: if possible, a new one is minted first. */
const minRemainingSeconds = 120;
/** Seconds from one attempt at a renewal to the next. */
const renewRetrySeconds = 30;

/**
 * Issues a token: verify caller -> authorize -> cached? -> mint (once for all who wait) -> answer. Authorization comes
 * before the cache on every request, so a suspension takes effect on cached tokens too.
 */
export async function issueToken(
  request: TokenRequest,
  context: IssuingContext,
  /** Called with the caller as soon as it is verified, for any result of the request. */
  onAdmitted: (authorization: Authorization) => void = () => {},
): Promise<Result<IssuedToken, Refusal>> {
  const admitted = await admit({ ...request, issues: "token" }, context);
  if (!admitted.ok) return admitted;
  onAdmitted(admitted.value);
  const { client, tenant } = admitted.value;
  const key = tokenCacheKey({ cloud: context.cloud.name, ...request });
  const nowSeconds = secondsOf(context);
  // A disabled key version stops the client: until the vault signs again, cached tokens are not returned either.
  const fromCache = () => {
    if (context.credentials.isStopped(client, context.clock())) return undefined;
    const token = context.tokenCache.get(key, secondsOf(context));
    return token && isNewEnough(token, tenant) && !isFromTheFuture(token, context.clock()) ? token : undefined;
  };
  const cached = fromCache();
  const isGood = (token: SharedToken | CachedToken) =>
    token.expiresAt - secondsOf(context) >= minRemainingSeconds &&
    satisfies(token, request.demand, context.clock()) &&
    !isOfWithdrawnKey(token, context.withdrawnKeys(context.clock()));
  const isAnswer = (token: SharedToken) =>
    isGood(token) && isNewEnough(token, tenant) && !isFromTheFuture(token, context.clock());
  if (cached && isGood(cached)) {
    if (nowSeconds >= cached.refreshAt) {
      const isNewer = (token: SharedToken) => token.mintedAtMs > cached.mintedAtMs && isAnswer(token);
      const order = orderOf(request, admitted.value, context);
      renewInBackground({ key, order, isAnswer: isNewer }, cached, context);
    }
    return ok(issued(cached, true, nowSeconds));
  }
  const call: MintCall = {
    key: mintKeyOf(key, request.demand),
    order: orderOf(request, admitted.value, context),
    isAnswer,
  };
  const fallback = () => (acceptsOlder(request.demand) ? fromCache() : undefined);
  try {
    let minted = await mintOnce(call, context);
    // The policy discarded older tokens while this mint was in progress. The next one is new enough.
    if (minted.ok && !isNewEnough(minted.value, tenant)) minted = await mintOnce(call, context);
    if (minted.ok) return ok(issued(minted.value, false, secondsOf(context)));
    // A valid token is served until it expires, even if vault or Entra is down (I3).
    const token = fallback();
    return token ? ok(issued(token, true, secondsOf(context))) : minted;
  } catch (error) {
    const token = fallback();
    if (!token) throw error;
    return ok(issued(token, true, secondsOf(context)));
  }
}

function orderOf({ scope, demand }: TokenRequest, admitted: Authorization, context: IssuingContext): MintCall["order"] {
  const { caller, client, tenant } = admitted;
  const { cloud, instance } = context;
  const { clientId } = client;
  const claims = typeof demand === "object" ? demand : {};
  return { purpose: "token", caller, client, clientId, tenantId: tenant.tenantId, scope, ...claims, cloud, instance };
}

/** No request waits for it or fails with it: the old token is served until it expires, and renewal is retried. */
function renewInBackground(call: MintCall, cached: CachedToken, context: IssuingContext): void {
  const { tenantId, clientId, scope } = call.order;
  cached.refreshAt = secondsOf(context) + renewRetrySeconds;
  const failed = (why: { reason: string; codes?: readonly number[]; frames?: readonly string[] }) =>
    context.record({ event: "token_renewal_failed", tenantId, clientId, scope, ...why });
  mintOnce(call, context).then(
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
