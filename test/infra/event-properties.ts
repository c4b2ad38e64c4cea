import type { KeyholdEvent } from "../../src/domain/events.ts";

type Named<Name extends KeyholdEvent["event"]> = Extract<KeyholdEvent, { event: Name }>;
type PropertiesOf<Name extends KeyholdEvent["event"]> = Required<Record<Exclude<keyof Named<Name>, "event">, Members>>;

/** Members of a nested record that all its variants may have; none for a scalar or a list. */
type Members = readonly string[];

const rate = { keyName: [], windowFromMs: [], signs: [], verdict: [], low: [], median: [], high: [], basis: [] };
const finding = {
  ...{ id: [], finding: [], severity: [], timeMs: [], operation: [], httpStatus: [], requestId: [], keyName: [] },
  ...{ keyVersion: [], callerObjectId: [], callerAppId: [], callerAddress: [], clientInfo: [], ledgerId: [] },
  ...{ candidates: [], openIntents: [], intents: [], reason: [], count: [], lastMs: [] },
};
const certificate = { clientId: [], keyName: [], keyVersion: [], thumbprint: [] };
const keys = { source: [], document: [], added: [], removed: [] };

/**
 * What each event can have in `Properties`, optional members too. The compiler compares it with the type of the event:
 * a member that is added or renamed there does not compile until it is here.
 */
const known = {
  request_answered: {
    ...{ operation: [], correlationId: [], outcome: [], tenantId: [], clientId: [], scope: [], callerObjectId: [] },
    ...{
      callerName: [],
      cached: [],
      durationMs: [],
      refusal: ["reason"],
      fault: ["code", "codes", "because", "frames"],
    },
  },
  token_renewal_failed: { tenantId: [], clientId: [], scope: [], reason: [], codes: [], frames: [] },
  signing_key_withdrawn: { kids: [], cachedTokens: [] },
  shared_cache_failed: { operation: [], reason: [], because: [] },
  policy_applied: { etag: [], grants: [], withheld: [] },
  suspensions_applied: { etag: [], tenants: [], callers: [], clients: [] },
  policy_rejected: { document: [], etag: [], problems: [] },
  policy_not_readable: { document: [], ageSeconds: [], because: [] },
  ledger_outcome_lost: { ledgerId: [], outcome: [], because: [] },
  metadata_promoted: { ...keys, continuity: [] },
  metadata_refused: { source: [], document: [], refusal: ["reason", "code"] },
  metadata_discontinuous: { ...keys, action: [] },
  metadata_keys_replaced: keys,
  metadata_known_key_changed: { source: [], kid: [] },
  metadata_record_refused: { source: [], rule: [] },
  metadata_keys_differ: { source: [], kids: [] },
  metadata_stale: { source: [], ageSeconds: [] },
  metadata_store_unavailable: { source: [], operation: [] },
  metadata_not_republished: { source: [], code: [] },
  metadata_refresh_finished: { sources: [], durationMs: [] },
  sign_audit_finding: { ...finding, isNew: [] },
  sign_audit_noted: { ...finding, how: [], notedBy: [], note: [] },
  sign_audit_resolved: finding,
  sign_audit_covered: {
    ...{ ledgerId: [], coveredBy: [], timeMs: [], requestId: [], keyName: [], keyVersion: [], callerAddress: [] },
    clientInfo: [],
  },
  sign_rate_judged: rate,
  sign_rate_abnormal: rate,
  sign_audit_finished: { windows: [], covered: [], open: [], lagSeconds: [], expiredRows: [] },
  sign_audit_failed: { because: [], frames: [] },
  credential_promoted: certificate,
  credential_retired: certificate,
  credential_disabled: certificate,
  credential_enabled: certificate,
  credential_canary_failed: { ...certificate, state: [], reason: [], codes: [] },
  credential_fallback: { ...certificate, to: [], codes: [] },
  credential_expiring: { ...certificate, daysLeft: [], threshold: [], severity: [] },
  credential_drift: {
    ...{ clientId: [], client: [], finding: [], severity: [], on: [], keyId: [], thumbprint: [] },
    ...{ issuer: [], subject: [], difference: [] },
  },
  credentials_checked: { clients: [], canaries: [], durationMs: [] },
  credentials_check_failed: { clientId: [], because: [], frames: [] },
  telemetry_load_failed: { because: [], frames: [] },
} satisfies { [Name in KeyholdEvent["event"]]: PropertiesOf<Name> };

/** Nor may there be one too many, which the compiler does not see in what is spread. */
type Known = typeof known;
type Surplus = { [Name in keyof Known]: Exclude<keyof Known[Name], keyof PropertiesOf<Name>> }[keyof Known];
true satisfies [Surplus] extends [never] ? true : Surplus;

/** What telemetry adds to the members of an event. */
const added: Partial<Record<string, readonly string[]>> = { request_answered: ["count"] };

/** Event to the names in `Properties`, flat as attributes.ts writes them. */
export const eventProperties: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(known).map(([event, properties]) => [
    event,
    new Set([
      ...Object.entries<Members>(properties).flatMap(([name, members]) =>
        members.length > 0 ? members.map((member) => `${name}.${member}`) : [name],
      ),
      ...(added[event] ?? []),
    ]),
  ]),
);
