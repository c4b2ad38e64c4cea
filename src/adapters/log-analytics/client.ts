import type { TokenCredential } from "@azure/identity";
import { LogsQueryClient } from "@azure/monitor-query-logs";
import { VaultLogUnavailable } from "../../domain/audit/ports.ts";
import type { Cloud } from "../../domain/shared/cloud.ts";
import { errorClass, parseRetryAfter } from "../azure/error.ts";
import { refusedTokenPolicy } from "../azure/refused-token.ts";

const retryOptions = { maxRetries: 2, retryDelayInMs: 500, maxRetryDelayInMs: 4_000 };

/** The deadline of a read, and facts from its last answer. */
export interface Attempt {
  signal: AbortSignal;
  status?: number;
  retryAfter?: string | undefined;
}

/**
 * Creates a client for one read, with its own policies. They are needed because the SDK drops an operation's
 * `abortSignal`, and its error for an answer without a JSON body lacks the status (seen in 1.0.0). Tokens are cached by
 * the credential.
 */
export function createLogsClient(cloud: Cloud, credential: TokenCredential, attempt: Attempt): LogsQueryClient {
  const origin = `https://${cloud.logsHost}`;
  const client = new LogsQueryClient(credential, {
    endpoint: `${origin}/v1`,
    credentials: { scopes: [`${origin}/.default`] },
    retryOptions,
    additionalPolicies: [refusedTokenPolicy(credential)],
  });
  client.pipeline.addPolicy({
    name: "keyholdDeadline",
    sendRequest(request, next) {
      request.abortSignal = attempt.signal;
      return next(request);
    },
  });
  const record: Parameters<typeof client.pipeline.addPolicy>[0] = {
    name: "keyholdLastAnswer",
    async sendRequest(request, next) {
      delete attempt.status;
      const response = await next(request);
      attempt.status = response.status;
      attempt.retryAfter = response.headers.get("retry-after");
      return response;
    },
  };
  client.pipeline.addPolicy(record, { afterPhase: "Sign" });
  return client;
}

/**
 * What a failed query means to the audit: throttled (429), forbidden (401, 403), rejected (other 4xx), timed out, or
 * unavailable. Contains the class of the error and the HTTP status, but no text from the service.
 */
export function vaultLogUnavailable(error: unknown, { signal, status, retryAfter }: Attempt): VaultLogUnavailable {
  if (error instanceof VaultLogUnavailable) return error;
  const because = errorClass(error);
  if (status === undefined || status < 400) {
    return new VaultLogUnavailable(signal.aborted ? "timed_out" : "unavailable", { because });
  }
  const retryAfterSeconds = parseRetryAfter(retryAfter, Date.now());
  const detail = { because, httpStatus: status, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
  if (status === 429) return new VaultLogUnavailable("throttled", detail);
  if (status === 401 || status === 403) return new VaultLogUnavailable("forbidden", detail);
  return new VaultLogUnavailable(status < 500 ? "rejected" : "unavailable", detail);
}
