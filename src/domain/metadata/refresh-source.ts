import { createHash } from "node:crypto";
import type { Cloud } from "../shared/cloud.ts";
import { type MetadataSource, metadataUrls, type OnDiscontinuity, sourceName } from "../shared/metadata-source.ts";
import { ok, type Result, refuse } from "../shared/result.ts";
import { acceptDiscovery } from "./accept-discovery.ts";
import { acceptFederationMetadata } from "./accept-federation-metadata.ts";
import { acceptJwks } from "./accept-jwks.ts";
import { type Continuity, changeOfKeys, continuityOfFederation, continuityOfKeys } from "./continuity.ts";
import type { MetadataEvent } from "./events.ts";
import type { FederationMetadata } from "./federation-metadata.ts";
import {
  type DocumentRecord,
  type FederationRecord,
  formerKeys,
  type KeysRecord,
  type LastKnownGood,
  type MetadataDocument,
  observeKeys,
  type RefreshOutcome,
  type StandingAlarm,
  standingAlarms,
} from "./last-known-good.ts";
import type { FetchedDocument, MetadataTransport, VerifyFederationMetadata } from "./ports.ts";
import { type PublishedKey, readPublishedKey } from "./published-key.ts";
import type { MetadataRefusal } from "./refusal.ts";

export interface RefreshPorts {
  cloud: Cloud;
  transport: MetadataTransport;
  verifyFederationMetadata: VerifyFederationMetadata;
  record: (event: MetadataEvent) => void;
}

/**
 * One refresh of a source: fetch -> verify -> accept -> check continuity -> new state. Each document is handled
 * separately, so that a refused federation document does not keep new keys from verifying callers' tokens. A refused,
 * held or missing document leaves the last-known-good one as it was. Nothing is stored here.
 */
export async function refreshSource(
  source: MetadataSource,
  previous: LastKnownGood | undefined,
  observed: { firstUses: ReadonlyMap<string, number>; onDiscontinuity: OnDiscontinuity; nowMs: number },
  ports: RefreshPorts,
): Promise<LastKnownGood> {
  const { nowMs, onDiscontinuity } = observed;
  const { keys: history = [] } = previous ?? {};
  const urls = metadataUrls(ports.cloud, source);
  const [fetchedFederation, fetchedDiscovery, fetchedJwks] = await Promise.all([
    ports.transport.get(urls.federation, previous?.federation?.etag),
    ports.transport.get(urls.discovery, previous?.discovery?.etag),
    ports.transport.get(urls.jwks, previous?.jwks?.etag),
  ]);
  const round: Round = { source, onDiscontinuity, nowMs, ports };
  const federation = await judge<FederationFacts>(
    round,
    "federation",
    fetchedFederation,
    previous?.federation,
    async (body) => {
      const read = await readFederation(body, source, ports);
      if (!read.ok) return read;
      const { keys } = read.value;
      const { keys: before, former = [] } = previous?.federation ?? {};
      return ok({
        facts: { ...read.value, former: formerKeys(former, before ?? [], keys, nowMs) },
        continuity: continuityOfFederation(before, former, read.value, nowMs),
      });
    },
  );
  const discovery = await judge<object>(round, "discovery", fetchedDiscovery, previous?.discovery, async (body) => {
    const accepted = acceptDiscovery(body, source, ports.cloud);
    return accepted.ok ? ok({ facts: {}, continuity: "continuous" }) : accepted;
  });
  const jwks = await judge<KeysFacts>(round, "jwks", fetchedJwks, previous?.jwks, async (body) => {
    const accepted = acceptJwks(body, source, ports.cloud, knownKeys(previous, federation.record));
    if (!accepted.ok) return accepted;
    const { keys } = accepted.value;
    const vouching = federation.record?.keys ?? [];
    const continuity = continuityOfKeys(previous?.jwks?.keys, history, keys, vouching, nowMs);
    return ok({ facts: { keys }, continuity, body: accepted.value.body });
  });
  if (federation.isPromoted || jwks.isPromoted) crossCheck(round, federation.record?.keys, jwks.record?.keys);
  const judged = [federation, discovery, jwks].flatMap((document) => document.alarms);
  const alarms = standingAlarms([...(previous?.alarms ?? []), ...judged], nowMs);
  const follows = !jwks.alarms.some(({ event }) => event === "metadata_discontinuous");
  const firstUses = new Map(observed.firstUses);
  if (federation.record && !firstUses.has(federation.record.signedBy)) firstUses.set(federation.record.signedBy, nowMs);
  return {
    version: 2,
    ...(federation.record ? { federation: federation.record } : {}),
    ...(discovery.record ? { discovery: discovery.record } : {}),
    ...(jwks.record ? { jwks: jwks.record } : {}),
    keys: jwks.isConfirmed && jwks.record ? observeKeys(history, jwks.record.keys, firstUses, nowMs, follows) : history,
    ...(previous?.idp ? { idp: previous.idp } : {}),
    ...(alarms.length > 0 ? { alarms } : {}),
    refreshed: {
      ...{ atMs: nowMs, federation: federation.outcome, discovery: discovery.outcome, jwks: jwks.outcome },
      ...(previous?.refreshed?.requestId ? { requestId: previous.refreshed.requestId } : {}),
    },
  };
}

/** Federation metadata of this tenant, properly signed, by the keys that it lists for SAML. */
export async function readFederation(
  body: Uint8Array,
  source: MetadataSource,
  { cloud, verifyFederationMetadata }: Pick<RefreshPorts, "cloud" | "verifyFederationMetadata">,
): Promise<Result<Pick<FederationRecord, "signedBy" | "keys">, MetadataRefusal>> {
  const verified = await verifyFederationMetadata(body);
  if (!verified.ok) return verified;
  const accepted = acceptFederationMetadata(verified.value, { cloud, tenant: source.tenant });
  if (!accepted.ok) return accepted;
  const keys = keysOf(accepted.value);
  return keys.ok ? ok({ signedBy: accepted.value.signedBy, keys: keys.value }) : keys;
}

function keysOf({ idpCertificates }: FederationMetadata): Result<readonly PublishedKey[], MetadataRefusal> {
  const keys = new Map<string, PublishedKey>();
  for (const { der } of idpCertificates) {
    const read = readPublishedKey(Buffer.from(der, "base64"));
    if (!read.ok) return refuse({ reason: "certificate_not_readable", rule: read.refusal });
    keys.set(read.value.key.kid, read.value.key);
  }
  return ok([...keys.values()]);
}

/** Every key whose name must not belong to another key. */
function knownKeys(previous: LastKnownGood | undefined, federation: FederationRecord | undefined): PublishedKey[] {
  const { keys = [], former = [] } = federation ?? {};
  return [...(previous?.keys ?? []), ...(previous?.jwks?.keys ?? []), ...keys, ...former];
}

interface Round {
  source: MetadataSource;
  onDiscontinuity: OnDiscontinuity;
  nowMs: number;
  ports: RefreshPorts;
}

type FederationFacts = Pick<FederationRecord, "signedBy" | "keys" | "former">;
type KeysFacts = Pick<KeysRecord, "keys">;
interface Accepted<F> {
  facts: F;
  continuity: Continuity;
  /** What is kept of the document; absent: the bytes as they came. */
  body?: Uint8Array;
}
interface Judgement<F> {
  /** What is known from now on: the new document, or the previous one. */
  record: (DocumentRecord & F) | undefined;
  /** Entra has just confirmed that it publishes `record`. */
  isConfirmed: boolean;
  isPromoted: boolean;
  outcome: RefreshOutcome;
  /** What later runs report again. */
  alarms: readonly StandingAlarm[];
}

/** The verdict on one document. If anything is wrong with it, the previous one stays. */
async function judge<F extends { keys?: readonly PublishedKey[] }>(
  round: Round,
  document: MetadataDocument,
  fetched: Result<FetchedDocument, MetadataRefusal>,
  previous: (DocumentRecord & F) | undefined,
  accept: (body: Uint8Array) => Promise<Result<Accepted<F>, MetadataRefusal>>,
): Promise<Judgement<F>> {
  const { nowMs, ports } = round;
  const source = sourceName(round.source);
  const keep = (outcome: RefreshOutcome): Judgement<F> => {
    return { record: previous, isConfirmed: false, isPromoted: false, outcome, alarms: [] };
  };
  if (!fetched.ok) {
    ports.record({ event: "metadata_refused", source, document, refusal: fetched.refusal });
    return keep(fetched.refusal.reason);
  }
  const { chain } = fetched.value;
  if (fetched.value.status === 304) {
    const unchanged = keep("unchanged");
    if (!previous) return unchanged;
    return { ...unchanged, record: { ...previous, verifiedAtMs: nowMs, chain }, isConfirmed: true };
  }
  const { etag } = fetched.value;
  const accepted = await accept(fetched.value.body);
  if (!accepted.ok) {
    const { refusal } = accepted;
    if (refusal.reason === "jwks_known_key_changed") {
      ports.record({ event: "metadata_known_key_changed", source, kid: refusal.kid });
    }
    ports.record({ event: "metadata_refused", source, document, refusal });
    return keep(refusal.reason);
  }
  const { facts, continuity, body = fetched.value.body } = accepted.value;
  const { isReplacement, ...change } = changeOfKeys(previous?.keys, facts.keys);
  if (continuity === "discontinuous") {
    const action = round.onDiscontinuity === "hold" ? ("held" as const) : ("accepted" as const);
    ports.record({ event: "metadata_discontinuous", source, document, action, ...change });
    if (action === "held") return keep("held");
  }
  const sha256 = createHash("sha256").update(body).digest("hex");
  const isNew = sha256 !== previous?.sha256;
  if (isNew) ports.record({ event: "metadata_promoted", source, document, continuity, ...change });
  if (isReplacement) ports.record({ event: "metadata_keys_replaced", source, document, ...change });
  const alarm = (event: StandingAlarm["event"]): StandingAlarm => ({ event, document, ...change, atMs: nowMs });
  const alarms = [
    ...(continuity === "discontinuous" ? [alarm("metadata_discontinuous")] : []),
    ...(isReplacement ? [alarm("metadata_keys_replaced")] : []),
  ];
  const record: DocumentRecord & F = {
    ...facts,
    body: Buffer.from(body).toString("base64"),
    ...(etag === undefined ? {} : { etag }),
    sha256,
    fetchedAtMs: nowMs,
    verifiedAtMs: nowMs,
    chain,
  };
  return { record, isConfirmed: true, isPromoted: isNew, outcome: isNew ? "changed" : "unchanged", alarms };
}

/** Federation metadata and key set should list the same keys. Only a warning: it is not documented for every tenant. */
function crossCheck(round: Round, federation: readonly PublishedKey[] = [], jwks: readonly PublishedKey[] = []): void {
  const published = new Set(jwks.map(({ n }) => n));
  const kids = federation.filter(({ n }) => !published.has(n)).map(({ kid }) => kid);
  if (kids.length === 0 || jwks.length === 0) return;
  round.ports.record({ event: "metadata_keys_differ", source: sourceName(round.source), kids });
}
