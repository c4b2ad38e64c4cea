import { createHash } from "node:crypto";
import type { Cloud } from "../shared/cloud.ts";
import { type MetadataSource, metadataUrls, type OnDiscontinuity, sourceName } from "../shared/metadata-source.ts";
import { ok, type Result } from "../shared/result.ts";
import { acceptDiscovery } from "./accept-discovery.ts";
import { acceptFederationMetadata } from "./accept-federation-metadata.ts";
import { acceptJwks } from "./accept-jwks.ts";
import { type Continuity, changeOfKeys, continuityOfFederation, continuityOfKeys } from "./continuity.ts";
import type { MetadataDocument, MetadataEvent } from "./events.ts";
import {
  type DocumentRecord,
  type FederationRecord,
  type KeysRecord,
  type LastKnownGood,
  observeKeys,
} from "./last-known-good.ts";
import type { FetchedDocument, MetadataTransport, VerifyFederationMetadata } from "./ports.ts";
import type { MetadataRefusal } from "./refusal.ts";

export interface RefreshPorts {
  cloud: Cloud;
  transport: MetadataTransport;
  verifyFederationMetadata: VerifyFederationMetadata;
  record: (event: MetadataEvent) => void;
}

/**
 * One look at a source: fetch -> verify -> accept -> does it follow? -> what is known from now on. Each document stands
 * for itself, so that a federation document that is refused does not keep new keys from callers' verification. A
 * refused, held or missing document leaves the last-known-good one as it was. Nothing is stored here.
 */
export async function refreshSource(
  source: MetadataSource,
  previous: LastKnownGood | undefined,
  observed: { firstUses: ReadonlyMap<string, number>; onDiscontinuity: OnDiscontinuity; nowMs: number },
  ports: RefreshPorts,
): Promise<LastKnownGood> {
  const { nowMs, onDiscontinuity } = observed;
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
      const verified = await ports.verifyFederationMetadata(body);
      if (!verified.ok) return verified;
      const accepted = acceptFederationMetadata(verified.value, { cloud: ports.cloud, tenant: source.tenant });
      if (!accepted.ok) return accepted;
      const { signedBy, idpCertificates } = accepted.value;
      const kids = idpCertificates.map(({ thumbprint }) => thumbprint);
      return ok({
        facts: { signedBy, kids },
        continuity: continuityOfFederation(previous?.federation?.kids, signedBy),
      });
    },
  );
  const discovery = await judge<object>(round, "discovery", fetchedDiscovery, previous?.discovery, async (body) => {
    const accepted = acceptDiscovery(body, source, ports.cloud);
    return accepted.ok ? ok({ facts: {}, continuity: "continuous" }) : accepted;
  });
  const jwks = await judge<KeysFacts>(round, "jwks", fetchedJwks, previous?.jwks, async (body) => {
    const accepted = acceptJwks(body, source, ports.cloud);
    if (!accepted.ok) return accepted;
    const kids = accepted.value.map(({ kid }) => kid);
    const continuity = continuityOfKeys(previous?.jwks?.kids, kids, federation.record?.kids ?? []);
    return ok({ facts: { kids, keys: accepted.value }, continuity });
  });
  if (federation.isPromoted || jwks.isPromoted) crossCheck(round, federation.record?.kids, jwks.record?.kids);
  const firstUses = new Map(observed.firstUses);
  if (federation.record && !firstUses.has(federation.record.signedBy)) firstUses.set(federation.record.signedBy, nowMs);
  return {
    version: 1,
    ...(federation.record ? { federation: federation.record } : {}),
    ...(discovery.record ? { discovery: discovery.record } : {}),
    ...(jwks.record ? { jwks: jwks.record } : {}),
    keys: jwks.isConfirmed
      ? observeKeys(previous?.keys ?? [], jwks.record?.keys ?? [], firstUses, nowMs)
      : (previous?.keys ?? []),
    ...(previous?.idp ? { idp: previous.idp } : {}),
  };
}

interface Round {
  source: MetadataSource;
  onDiscontinuity: OnDiscontinuity;
  nowMs: number;
  ports: RefreshPorts;
}

type FederationFacts = Pick<FederationRecord, "signedBy" | "kids">;
type KeysFacts = Pick<KeysRecord, "kids" | "keys">;
interface Judgement<F> {
  /** What is known from now on: the new document, or the one of before. */
  record: (DocumentRecord & F) | undefined;
  /** Entra has just said that `record` is what it publishes. */
  isConfirmed: boolean;
  isPromoted: boolean;
}

/** The verdict on one document. Whatever is wrong with it, the one of before stays. */
async function judge<F extends { kids?: readonly string[] }>(
  round: Round,
  document: MetadataDocument,
  fetched: Result<FetchedDocument, MetadataRefusal>,
  previous: (DocumentRecord & F) | undefined,
  accept: (body: Uint8Array) => Promise<Result<{ facts: F; continuity: Continuity }, MetadataRefusal>>,
): Promise<Judgement<F>> {
  const { nowMs, ports } = round;
  const source = sourceName(round.source);
  const keep: Judgement<F> = { record: previous, isConfirmed: false, isPromoted: false };
  if (!fetched.ok) {
    ports.record({ event: "metadata_refused", source, document, refusal: fetched.refusal });
    return keep;
  }
  const { chain } = fetched.value;
  if (fetched.value.status === 304) {
    return previous ? { ...keep, record: { ...previous, verifiedAtMs: nowMs, chain }, isConfirmed: true } : keep;
  }
  const { body, etag } = fetched.value;
  const accepted = await accept(body);
  if (!accepted.ok) {
    ports.record({ event: "metadata_refused", source, document, refusal: accepted.refusal });
    return keep;
  }
  const { facts, continuity } = accepted.value;
  const { isReplacement, ...change } = changeOfKeys(previous?.kids, facts.kids ?? []);
  if (continuity === "discontinuous") {
    const action = round.onDiscontinuity === "hold" ? ("held" as const) : ("accepted" as const);
    ports.record({ event: "metadata_discontinuous", source, document, action, ...change });
    if (action === "held") return keep;
  }
  const sha256 = createHash("sha256").update(body).digest("hex");
  const isNew = sha256 !== previous?.sha256;
  if (isNew) ports.record({ event: "metadata_promoted", source, document, continuity, ...change });
  if (isReplacement) ports.record({ event: "metadata_keys_replaced", source, document, ...change });
  const record: DocumentRecord & F = {
    ...facts,
    body: Buffer.from(body).toString("base64"),
    ...(etag === undefined ? {} : { etag }),
    sha256,
    fetchedAtMs: nowMs,
    verifiedAtMs: nowMs,
    chain,
  };
  return { record, isConfirmed: true, isPromoted: isNew };
}

/** Federation metadata and key set speak of the same keys. Only a warning: it is not documented for every tenant. */
function crossCheck(round: Round, federation: readonly string[] = [], jwks: readonly string[] = []): void {
  const kids = federation.filter((kid) => !jwks.includes(kid));
  if (kids.length === 0 || jwks.length === 0) return;
  round.ports.record({ event: "metadata_keys_differ", source: sourceName(round.source), kids });
}
