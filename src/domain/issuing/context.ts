import type { CurrentPolicy } from "../policy/current-policy.ts";
import type { Cloud } from "../shared/cloud.ts";
import type { Result } from "../shared/result.ts";
import type { IssuingEvent } from "./events.ts";
import type { FailureCache } from "./failure-cache.ts";
import type { MintBudget } from "./mint-budget.ts";
import type { PartHealth } from "./part-health.ts";
import type { CallerVerifier, IssuingPorts, SharedTokens } from "./ports.ts";
import type { Refusal } from "./refusal.ts";
import type { CachedToken, TokenCache } from "./token-cache.ts";
import type { WithdrawnKeys } from "./withdrawn-keys.ts";

/** Everything that issuing needs: ports to the outside, and the state of this process. */
export interface IssuingContext extends IssuingPorts {
  cloud: Cloud;
  instance: string;
  callerVerifier: CallerVerifier;
  currentPolicy: CurrentPolicy;
  tokenCache: TokenCache;
  /** Undefined: instances do not share tokens, and each mints its own. */
  sharedTokens?: SharedTokens;
  withdrawnKeys: (nowMs: number) => WithdrawnKeys;
  failureCache: FailureCache;
  parts: PartHealth;
  budget: MintBudget;
  /** Mints in progress, by `mintKeyOf`. */
  flights: Map<string, Promise<Result<CachedToken, Refusal>>>;
  record: (event: IssuingEvent) => void;
}
