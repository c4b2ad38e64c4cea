import type { EntraAnswer } from "../../../src/domain/issuing/entra-errors.ts";
import { type EntraRejection, type RejectionFacts, readRejection } from "../../../src/domain/issuing/entra-errors.ts";
import type { TokenEndpoint } from "../../../src/domain/issuing/ports.ts";

/** Entra's refusal as it is sent. */
type Rejected = RejectionFacts & { rejection: EntraRejection };
type Scripted = EntraAnswer | Rejected | Error;
type TokenInput = Parameters<TokenEndpoint["requestToken"]>[0];

/** Entra's token endpoint: issues a new token for every request, unless `next` or `always` holds another answer. */
export interface FakeTokenEndpoint extends TokenEndpoint {
  readonly calls: TokenInput[];
  /** The answers of the next calls, one each; an Error is thrown. Then it issues tokens again. */
  readonly next: Scripted[];
  /** The answer of every call while set; an Error is thrown. */
  always: Scripted | undefined;
  expiresInSeconds: number;
  readonly issued: string[];
}

export function createFakeTokenEndpoint(journal: string[] = []): FakeTokenEndpoint {
  const calls: TokenInput[] = [];
  const next: Scripted[] = [];
  const issued: string[] = [];
  return {
    calls,
    next,
    issued,
    always: undefined,
    expiresInSeconds: 3600,
    async requestToken(input) {
      calls.push(input);
      journal.push("post");
      const answer = next.shift() ?? this.always;
      if (answer instanceof Error) throw answer;
      if (answer && "rejection" in answer) {
        const { rejection, ...facts } = answer;
        return readRejection(rejection, facts);
      }
      if (answer) return answer;
      const accessToken = `eyJ0eXAiOiJKV1QifQ.access-token-${issued.length + 1}.secret`;
      issued.push(accessToken);
      return { issued: true, accessToken, expiresInSeconds: this.expiresInSeconds, requestId: "entra-request" };
    },
  } satisfies FakeTokenEndpoint;
}

/** Entra's refusal with these AADSTS numbers. */
export function rejection(
  errorCodes: readonly number[],
  more: { status?: number; error?: string; retryAfterSeconds?: number; serverTimeMs?: number } = {},
): Rejected {
  const { status = 400, error = "invalid_request", ...rest } = more;
  return { rejection: { status, error, errorCodes }, requestId: "entra-request", ...rest };
}
