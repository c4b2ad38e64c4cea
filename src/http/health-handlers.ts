import type { HttpHandler } from "@azure/functions";
import type { CurrentPolicy } from "../domain/policy/current-policy.ts";
import { noStore } from "./oauth-response.ts";

export interface ReadinessOptions {
  callerKeys: { isReady(nowMs: number): Promise<boolean> };
  currentPolicy: CurrentPolicy;
  clock: () => number;
}

/** `GET /health/live`: the process answers. */
export function liveHandler(): HttpHandler {
  return async () => ({ status: 200, jsonBody: { status: "live" }, headers: noStore });
}

/**
 * `GET /health/ready`: a caller's token can be verified and a policy is in force. Asks neither the vault nor Entra's
 * token endpoint nor the ledger: cached tokens are served without them, and a probe must never sign (I1).
 */
export function readyHandler({ callerKeys, currentPolicy, clock }: ReadinessOptions): HttpHandler {
  return async () => {
    const nowMs = clock();
    const [hasKeys, hasPolicy] = await Promise.all([
      callerKeys.isReady(nowMs),
      currentPolicy.at(nowMs).then(
        () => true,
        () => false,
      ),
    ]);
    const isReady = hasKeys && hasPolicy;
    const checks = { caller_keys: hasKeys ? "ok" : "missing", policy: hasPolicy ? "ok" : "missing" };
    const jsonBody = { status: isReady ? "ready" : "not ready", checks };
    return { status: isReady ? 200 : 503, jsonBody, headers: noStore };
  };
}
