import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TokenCredential } from "@azure/identity";
import { createTelemetry, type TelemetrySettings, type Tuning } from "../../../../src/adapters/telemetry/telemetry.ts";
import { configureExporter } from "../../../../src/config.ts";
import type { KeyholdEvent } from "../../../../src/domain/events.ts";
import { startMs } from "../../../support/fakes/clock.ts";
import { clientId, contosoId, graphScope } from "../../../support/fixtures/ids.ts";

type HttpClient = NonNullable<Tuning["httpClient"]>;
type Request = Parameters<HttpClient["sendRequest"]>[0];

interface Envelope {
  name: string;
  time: string;
  sampleRate?: number;
  tags: Record<string, string>;
  data: {
    baseType: string;
    baseData: {
      name?: string;
      properties: Record<string, string>;
      metrics?: { name: string; value: number }[];
      id?: string;
      success?: boolean;
      target?: string;
      exceptions?: { typeName: string; message: string; stack: string }[];
    };
  };
}

export const connectionString =
  "InstrumentationKey=90000000-ffff-4000-8000-000000000001;IngestionEndpoint=https://ingestion.test/";
export const token = `eyJ${"hbGciOiJSUzI1NiJ9".repeat(3)}.${"A".repeat(40)}.${"s3cr3t".repeat(9)}`;
const ids = { tenantId: contosoId, clientId, scope: graphScope };
const source = { source: contosoId, document: "jwks" as const };
const finding = { id: "f", finding: "unaccounted_signature" as const, severity: 0 as const, timeMs: startMs };
const rate = { keyName: "k", windowFromMs: startMs, signs: 7, verdict: "above" as const };
const band = { low: 1, high: 5, median: 3, basis: "history" as const };

const frames = ["mint src/domain/issuing/mint.ts:1:2", "handler src/http/issuing-handlers.ts:3:4"];
const certificate = { keyName: "k", keyVersion: "v", thumbprint: "AB" };
const drift = {
  ...({ finding: "foreign_federation", severity: 0, on: "application", keyId: "k", thumbprint: "AB" } as const),
  ...{ issuer: "https://evil.example/", subject: token, difference: "x" },
};

/** One of each name, with what an attacker could put into it: a new event does not compile until it is here. */
export const samples: { [Name in KeyholdEvent["event"]]: Extract<KeyholdEvent, { event: Name }> } = {
  request_answered: {
    ...{ event: "request_answered", operation: "token", correlationId: "c", outcome: "refused", durationMs: 4 },
    ...{ ...ids, scope: `${token} \u0000\n"`, callerName: "x".repeat(100_000), cached: false },
    refusal: { reason: "caller_token_ambiguous", presented: ["authorization", "subject_token"] },
    fault: {
      ...{ code: "signer_forbidden", codes: [403, 7], frames },
      because: `https://h/?se=1&sig=${"Zm9v".repeat(9)} ${token}`,
    },
  },
  token_renewal_failed: { event: "token_renewal_failed", ...ids, reason: "tenant_blocked", codes: [1], frames },
  signing_key_withdrawn: { event: "signing_key_withdrawn", kids: ["k"], cachedTokens: 3 },
  shared_cache_failed: { event: "shared_cache_failed", operation: "find", reason: "failed", because: "x" },
  policy_applied: { event: "policy_applied", etag: "e", grants: 1, withheld: 0 },
  suspensions_applied: { event: "suspensions_applied", etag: "e", tenants: 1, callers: 0, clients: 0 },
  policy_rejected: {
    event: "policy_rejected",
    document: "policy",
    etag: "e",
    problems: [{ path: "/grants/0", rule: "is unknown" }],
  },
  policy_not_readable: {
    event: "policy_not_readable",
    document: "policy",
    ageSeconds: undefined,
    because: `Bearer ${token}`,
  },
  ledger_outcome_lost: { event: "ledger_outcome_lost", ledgerId: contosoId, outcome: "signed", because: "x" },
  metadata_promoted: { event: "metadata_promoted", ...source, continuity: "first", added: ["a", "b"], removed: [] },
  metadata_refused: { event: "metadata_refused", ...source, refusal: { reason: "document_not_utf8" } },
  metadata_discontinuous: { event: "metadata_discontinuous", ...source, action: "held", added: [], removed: [] },
  metadata_keys_replaced: { event: "metadata_keys_replaced", ...source, added: ["a"], removed: ["b"] },
  metadata_known_key_changed: { event: "metadata_known_key_changed", source: contosoId, kid: "a" },
  metadata_record_refused: {
    event: "metadata_record_refused",
    source: contosoId,
    rule: "a key is not the one of its certificate",
  },
  metadata_keys_differ: { event: "metadata_keys_differ", source: contosoId, kids: ["a"] },
  metadata_stale: { event: "metadata_stale", source: contosoId, ageSeconds: 1 },
  metadata_store_unavailable: { event: "metadata_store_unavailable", source: contosoId, operation: "read" },
  metadata_not_republished: { event: "metadata_not_republished", source: contosoId, code: "x" },
  metadata_refresh_finished: { event: "metadata_refresh_finished", sources: 1, durationMs: 1 },
  sign_audit_finding: { event: "sign_audit_finding", isNew: true, ...finding, clientInfo: `evil ${token}` },
  sign_audit_resolved: { event: "sign_audit_resolved", ...finding },
  sign_audit_noted: { event: "sign_audit_noted", how: "announced", notedBy: "a", note: `b ${token}`, ...finding },
  sign_audit_covered: {
    ...{ event: "sign_audit_covered", ledgerId: contosoId, coveredBy: "unknown", timeMs: 1, requestId: "r" },
    clientInfo: `evil ${token}`,
  },
  sign_rate_judged: { event: "sign_rate_judged", ...rate, ...band },
  sign_rate_abnormal: { event: "sign_rate_abnormal", ...rate, ...band },
  sign_audit_finished: {
    event: "sign_audit_finished",
    windows: 2,
    covered: 1,
    open: 3,
    lagSeconds: 600,
    expiredRows: 0,
  },
  credential_promoted: { event: "credential_promoted", clientId, ...certificate },
  credential_retired: { event: "credential_retired", clientId, ...certificate },
  credential_enabled: { event: "credential_enabled", clientId, ...certificate },
  credential_disabled: { event: "credential_disabled", clientId, ...certificate },
  credential_canary_failed: {
    ...{ event: "credential_canary_failed", clientId, ...certificate },
    ...{ state: "staged", reason: "credential_rejected", codes: [700027] },
  },
  credential_fallback: { event: "credential_fallback", clientId, ...certificate, to: "CD", codes: [700027] },
  credential_expiring: {
    ...{ event: "credential_expiring", clientId, ...certificate },
    ...{ daysLeft: 6, threshold: 7, severity: 1 },
  },
  credential_drift: { event: "credential_drift", clientId, client: "c", ...drift },
  credentials_checked: { event: "credentials_checked", clients: 1, canaries: 2, durationMs: 3 },
  credentials_check_failed: { event: "credentials_check_failed", clientId, because: "x", frames },
  sign_audit_failed: { event: "sign_audit_failed", because: "x", frames },
  telemetry_load_failed: { event: "telemetry_load_failed", because: "x", frames },
};
export const issued: KeyholdEvent = {
  ...{ event: "request_answered", operation: "token", correlationId: "c", outcome: "issued", durationMs: 4 },
  cached: false,
};

export const settings: TelemetrySettings = { liveMetrics: false, standardMetrics: false, cachedAnswersShare: 1 };

/** Application Insights, in this process. `answer` says what becomes of each request. */
export function createIngestion(answer: (attempt: number) => number | Promise<number> = () => 200) {
  const envelopes: Envelope[] = [];
  const requests: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const httpClient: HttpClient = {
    async sendRequest(request: Request) {
      requests.push(request.url);
      authorizations.push(request.headers.get("authorization"));
      const status = await answer(requests.length);
      const items = JSON.parse(String(request.body)) as Envelope[];
      // Taken in part: all but the first.
      const taken = status === 200 ? items : status === 206 ? items.slice(1) : [];
      envelopes.push(...taken);
      const headers = { get: () => undefined, has: () => false, toJSON: () => ({}) };
      const errors = status === 206 ? [{ index: 0, statusCode: 500, message: "busy" }] : [];
      const body = { itemsReceived: items.length, itemsAccepted: taken.length, errors };
      const response = { request, status, headers, bodyAsText: JSON.stringify(body) };
      return response as unknown as Awaited<ReturnType<HttpClient["sendRequest"]>>;
    },
  };
  const events = () => envelopes.filter(({ data }) => data.baseType === "EventData");
  const measured = () =>
    envelopes.flatMap(({ data }) => (data.baseData.metrics ?? []).map((each) => ({ ...data.baseData, ...each })));
  return { httpClient, envelopes, requests, authorizations, events, measured };
}

/** Starts telemetry into it; the SDK is one in a process, so that the one before ends. */
export function openTelemetry(
  ingestion: ReturnType<typeof createIngestion>,
  tuning: Partial<Tuning> = {},
  onLoadFailure: (error: unknown) => void = () => {},
  credential?: TokenCredential,
) {
  const preset = { loadAfterMs: 1, sendAfterMs: 1, retryDelaysMs: [1, 1], drainWithinMs: 300 };
  const storageDirectory = mkdtempSync(join(tmpdir(), "keyhold-telemetry-"));
  configureExporter();
  return createTelemetry({
    ...{ connectionString, settings, clock: () => startMs, instance: "instance-1", onLoadFailure },
    ...(credential && { credential }),
    tuning: { ...preset, httpClient: ingestion.httpClient, storageDirectory, ...tuning },
  });
}

/** Every event that arrives in Application Insights (table AppEvents): the type of `samples` has each of them. */
export const eventNames = Object.keys(samples) as KeyholdEvent["event"][];
