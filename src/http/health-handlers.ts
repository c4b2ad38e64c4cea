import type { HttpHandler } from "@azure/functions";
import type { CurrentPolicy } from "../domain/policy/current-policy.ts";
import { noStore } from "./oauth-response.ts";

export interface ReadinessOptions {
  callerKeys: { isReady(nowMs: number): Promise<boolean> };
  currentPolicy: CurrentPolicy;
  /** Sources of metadata that should have an `idp.xml` and have none. */
  unpublished(nowMs: number): number;
  clock: () => number;
}

/** `GET /health/live`: the process answers. */
export function liveHandler(): HttpHandler {
  return async () => ({ status: 200, jsonBody: { status: "live" }, headers: noStore });
}

/**
 * `GET /health/ready`: a caller's token can be verified and a policy is in force. Does not ask the vault, Entra's token
 * endpoint or the ledger: cached tokens are served without them, and a probe must never sign (I1).
 */
export function readyHandler({ callerKeys, currentPolicy, unpublished, clock }: ReadinessOptions): HttpHandler {
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
    const problems = currentPolicy.rejectedProblems();
    // Tokens do not depend on it, so it is a warning. Numbers only, so that no customer is named.
    const missing = unpublished(nowMs);
    const warnings = missing > 0 && { warnings: { metadata_not_published: missing } };
    const status = isReady ? "ready" : "not ready";
    const jsonBody = { status, checks, ...(problems > 0 && { problems }), ...warnings };
    return isReady
      ? { status: 200, jsonBody, headers: noStore }
      : { status: 503, jsonBody, headers: { ...noStore, "Retry-After": "1" } };
  };
}

/**
 * Answers every route but `/health/live` when the settings are not valid: 503 with the number of problems. Details are
 * in the log, for operators.
 */
export function notConfiguredHandler(problems: number): HttpHandler {
  const jsonBody = {
    status: "not ready",
    error: "temporarily_unavailable",
    error_description: `Keyhold: not configured, ${problems} problem${problems === 1 ? "" : "s"}. Its operators find them in the log`,
    problems,
  };
  return async () => ({ status: 503, jsonBody, headers: { ...noStore, "retry-after": "1" } });
}
