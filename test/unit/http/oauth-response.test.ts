/** The error table, row by row: exhaustive by type, so a new reason or fault does not compile without its row. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import type { Refusal } from "../../../src/domain/issuing/refusal.ts";
import type { GrantRefusal } from "../../../src/domain/policy/access-policy.ts";
import { Fault, type FaultCode, type FaultDetail } from "../../../src/domain/shared/fault.ts";
import { faultResponse, refusalResponse } from "../../../src/http/oauth-response.ts";
import { answerFrom } from "../../support/fixtures/http.ts";
import { billingObjectId } from "../../support/fixtures/ids.ts";

const correlation = { correlationId: "corr-1", nowMs: Date.UTC(2026, 5, 1, 12, 0, 0, 7) };
const noStore = { "cache-control": "no-store", pragma: "no-cache", "content-type": "application/json" };
const consentUrl = "https://login.microsoftonline.com/t/adminconsent?client_id=c";

interface Row {
  status: number;
  error: string;
  description: RegExp;
  headers?: Record<string, string>;
  members?: Record<string, unknown>;
}

type RefusalRows = { [R in Refusal["reason"]]: Row & { refusal: Extract<Refusal, { reason: R }> } };

const request = (description: RegExp) => ({ status: 400, error: "invalid_request", description });
const callerToken = {
  status: 401,
  error: "invalid_token",
  description: /^Keyhold: the caller's token was not accepted$/,
  headers: { "www-authenticate": 'Bearer error="invalid_token"' },
};
const notReady = (codes: number[], description: RegExp, more: Record<string, unknown> = {}) => {
  return { status: 424, error: "tenant_not_ready", description, members: { error_codes: codes, ...more } };
};

const refusals: RefusalRows = {
  tenant_not_a_guid: { refusal: { reason: "tenant_not_a_guid" }, ...request(/tenant .* GUID/) },
  overloaded: {
    refusal: { reason: "overloaded" },
    status: 429,
    error: "temporarily_unavailable",
    description: /^Keyhold: this instance has as many requests as it works on at once/,
    headers: { "retry-after": "1" },
  },
  path_reserved: { refusal: { reason: "path_reserved" }, ...request(/no such tenant/), status: 404 },
  protocol_v1: { refusal: { reason: "protocol_v1" }, ...request(/\/oauth2\/v2\.0\/token with scope=<resource>/) },
  body_without_length: {
    refusal: { reason: "body_without_length" },
    ...request(/chunked: send it with a Content-Length/),
    status: 411,
  },
  content_type_not_supported: {
    refusal: { reason: "content_type_not_supported" },
    ...request(/^Keyhold: Content-Type/),
  },
  body_too_large: { refusal: { reason: "body_too_large", maxBytes: 99 }, ...request(/99 bytes/), status: 413 },
  body_not_readable: { refusal: { reason: "body_not_readable" }, ...request(/JSON object/) },
  parameter_missing: {
    refusal: { reason: "parameter_missing", parameter: "scope" },
    ...request(/^Keyhold: scope is required$/),
  },
  parameter_repeated: {
    refusal: { reason: "parameter_repeated", parameter: "scope" },
    ...request(/^Keyhold: scope must be given once$/),
  },
  parameter_invalid: {
    refusal: { reason: "parameter_invalid", parameter: "client_id", rule: "a GUID" },
    ...request(/^Keyhold: client_id must be a GUID$/),
  },
  parameter_in_query: {
    refusal: { reason: "parameter_in_query", parameter: "scope" },
    ...request(/^Keyhold: scope belongs in the body/),
  },
  parameter_not_supported: {
    refusal: { reason: "parameter_not_supported", parameter: "claims", remedy: "send none" },
    ...request(/^Keyhold: claims is not supported: send none$/),
  },
  caller_token_ambiguous: {
    refusal: { reason: "caller_token_ambiguous", presented: ["authorization", "subject_token"] },
    ...request(/once, not as authorization and subject_token$/),
  },
  grant_type_not_supported: {
    refusal: { reason: "grant_type_not_supported" },
    status: 400,
    error: "unsupported_grant_type",
    description: /client_credentials/,
  },
  target_not_supported: {
    refusal: { reason: "target_not_supported", parameter: "resource" },
    status: 400,
    error: "invalid_target",
    description: /^Keyhold: resource is not supported/,
  },
  scope_not_default: {
    refusal: { reason: "scope_not_default" },
    status: 400,
    error: "invalid_scope",
    description: /<resource>\/\.default/,
  },
  caller_token_missing: {
    refusal: { reason: "caller_token_missing" },
    ...callerToken,
    description: /^Keyhold: no caller token: send the caller's own Entra token as Authorization: Bearer/,
    headers: { "www-authenticate": "Bearer" },
  },
  caller_key_not_looked_up: {
    refusal: { reason: "caller_key_not_looked_up" },
    status: 503,
    error: "temporarily_unavailable",
    description: /^Keyhold: the key of the caller's token is not known yet; try again$/,
    headers: { "retry-after": "1" },
  },
  caller_token_rejected: { refusal: { reason: "caller_token_rejected", because: "ERR_JWT exp" }, ...callerToken },
  not_granted: {
    refusal: { reason: "not_granted", callerObjectId: billingObjectId, because: "no_grant" },
    status: 403,
    error: "access_denied",
    description: /^Keyhold: no grant for this caller, client, tenant and scope$/,
  },
  mint_budget_exceeded: {
    refusal: {
      reason: "mint_budget_exceeded",
      callerObjectId: billingObjectId,
      budget: "total",
      retryAfterSeconds: 17,
    },
    status: 429,
    error: "temporarily_unavailable",
    description: /try again later/,
    headers: { "retry-after": "17" },
  },
  tenant_not_consented: {
    refusal: { reason: "tenant_not_consented", codes: [700016], adminConsentUrl: consentUrl },
    ...notReady([700016], /must consent first: https:\/\/login\./, { admin_consent_url: consentUrl }),
  },
  tenant_not_assigned: {
    refusal: { reason: "tenant_not_assigned", codes: [501051] },
    ...notReady([501051], /administrator of the tenant must assign the application to a role of the resource$/),
  },
  tenant_consent_incomplete: {
    refusal: { reason: "tenant_consent_incomplete", codes: [650051] },
    ...notReady([650051], /owner must correct them, then an administrator of the tenant must consent again$/),
  },
  tenant_blocked: { refusal: { reason: "tenant_blocked", codes: [53003] }, ...notReady([53003], /do not let/) },
  tenant_not_found: { refusal: { reason: "tenant_not_found", codes: [90002] }, ...notReady([90002], /not know/) },
  resource_not_available: {
    refusal: { reason: "resource_not_available", codes: [500011] },
    status: 400,
    error: "invalid_target",
    description: /this resource/,
    members: { error_codes: [500011] },
  },
};

const detail: FaultDetail = {
  codes: [700027],
  retryAfterSeconds: 13,
  vaultRequestId: "vault-request",
  entraRequestId: "entra-request",
  because: "RestError 403",
  maybeSigned: true,
};
const waiting: Row = {
  status: 503,
  error: "temporarily_unavailable",
  description: /^Keyhold: a service that is needed does not answer$/,
  headers: { "retry-after": "13" },
};
const ours: Row = {
  status: 502,
  error: "server_error",
  description: /its operators must act, the caller cannot$/,
  headers: { "retry-after": "13" },
};
const oursByEntra: Row = { ...ours, members: { error_codes: [700027] } };
const faults: Record<FaultCode, Row> = {
  signer_throttled: waiting,
  signer_unavailable: waiting,
  token_endpoint_throttled: waiting,
  token_endpoint_unavailable: waiting,
  ledger_unavailable: waiting,
  policy_unavailable: waiting,
  caller_keys_unavailable: waiting,
  identity_unavailable: waiting,
  signer_unauthorized: { ...ours, status: 503, error: "temporarily_unavailable" },
  signer_forbidden: { ...ours, status: 503, error: "temporarily_unavailable" },
  signer_key_disabled: ours,
  signer_key_not_found: ours,
  signer_rejected: ours,
  signature_not_ours: ours,
  certificate_not_valid: ours,
  credential_rejected: oursByEntra,
  clock_skewed: oursByEntra,
  token_endpoint_rejected: oursByEntra,
  token_not_as_asked: { ...ours, description: /^Keyhold: Entra's answer was not what was asked for$/ },
};

function assertRow(answer: ReturnType<typeof answerFrom>, row: Row): void {
  const { error_description: description, ...body } = answer.body;
  assert.equal(answer.status, row.status);
  assert.deepEqual(answer.headers, { ...noStore, ...row.headers });
  assert.match(String(description), row.description);
  assert.match(String(description), /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/, "RFC 6749 §5.2: no quote, no backslash");
  const timestamp = "2026-06-01T12:00:00.007Z";
  assert.deepEqual(body, { error: row.error, ...row.members, correlation_id: "corr-1", timestamp });
}

describe("the answer to a refusal", () => {
  for (const { refusal, ...row } of Object.values(refusals)) {
    test(`${refusal.reason} is ${row.status} ${row.error}`, () => {
      assertRow(answerFrom(refusalResponse(refusal, correlation)), row);
    });
  }

  test("every problem of a caller's token has the same answer, byte for byte", () => {
    const because = ["ERR_JWT_EXPIRED exp", "too large", "the app role is missing"];
    const answers = because.map((text) =>
      refusalResponse({ reason: "caller_token_rejected", because: text }, correlation),
    );
    assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1);
  });

  test("everything that is not granted has the same answer, byte for byte", () => {
    const reasons: Record<GrantRefusal["because"], true> = {
      caller_unknown: true,
      caller_suspended: true,
      caller_azp_mismatch: true,
      client_unknown: true,
      client_suspended: true,
      tenant_unknown: true,
      tenant_suspended: true,
      no_grant: true,
      home_tenant_resource: true,
    };
    const answers = Object.keys(reasons).map((because) => {
      const refusal = { reason: "not_granted", callerObjectId: billingObjectId, because } as GrantRefusal;
      return JSON.stringify(refusalResponse(refusal, correlation));
    });
    assert.equal(new Set(answers).size, 1);
    assert.ok(!answers[0]?.includes(billingObjectId));
  });

  test("a refusal by Entra without numbers has no error_codes", () => {
    const { body } = answerFrom(refusalResponse({ reason: "tenant_blocked", codes: [] }, correlation));
    assert.ok(!("error_codes" in body));
  });
});

describe("the answer to a fault", () => {
  for (const [code, row] of Object.entries(faults)) {
    test(`${code} is ${row.status} ${row.error}`, () => {
      assertRow(answerFrom(faultResponse(new Fault(code as FaultCode, detail), correlation)), row);
    });
  }

  test("an error that is not a known fault is 500, and its text is not sent", () => {
    for (const error of [new TypeError("https://v.vault.azure.net eyJ"), "eyJ", undefined, null, { message: "eyJ" }]) {
      const answer = answerFrom(faultResponse(error, correlation));
      assertRow(answer, {
        status: 500,
        error: "server_error",
        description: /^Keyhold: an unexpected error; it is in our log$/,
        headers: { "retry-after": "1" },
      });
    }
  });

  test("no answer to a fault contains request ids or error classes of the other side", () => {
    for (const code of Object.keys(faults)) {
      const text = JSON.stringify(faultResponse(new Fault(code as FaultCode, detail), correlation));
      assert.doesNotMatch(text, /vault-request|entra-request|RestError|signer|key/);
    }
  });

  test("without advice from the other side, Retry-After is 1 s: a longer one would make SDKs wait for nothing", () => {
    for (const code of Object.keys(faults)) {
      const { headers } = answerFrom(faultResponse(new Fault(code as FaultCode), correlation));
      assert.equal(headers["retry-after"], "1", code);
    }
  });

  test("Retry-After is a whole number of seconds within a limit, whatever the other side sent (RFC 9110 §10.2.3)", () => {
    for (const code of Object.keys(faults) as FaultCode[]) {
      for (const retryAfterSeconds of [0, 0.4, 1.5, 86_400, 1e21, Number.POSITIVE_INFINITY]) {
        const { headers } = answerFrom(faultResponse(new Fault(code, { retryAfterSeconds }), correlation));
        const text = headers["retry-after"] ?? "";
        assert.match(text, /^[1-9][0-9]{0,3}$/, `${code} ${retryAfterSeconds}`);
      }
    }
  });
});

test("the documented table of errors has exactly the statuses and errors that we answer", async () => {
  const page = await readFile(new URL("../../../docs/reference/errors.md", import.meta.url), "utf8");
  const documented = [...page.matchAll(/^\| (\d{3}) \| `([a-z_]+)` \|/gm)].map(
    ([, status, error]) => `${status} ${error}`,
  );
  const rows = [...Object.values(refusals), ...Object.values(faults), { status: 500, error: "server_error" }];
  const answered = new Set(rows.map(({ status, error }) => `${status} ${error}`));
  assert.deepEqual(documented.sort(), [...answered].sort());
});
