import { errorClass } from "../../adapters/azure/error.ts";
import { verifyFederationMetadata } from "../../adapters/xml/on-first-use.ts";
import { type KeyRecord, keyLifetimeMs, type LastKnownGood } from "../../domain/metadata/last-known-good.ts";
import type { MetadataStore } from "../../domain/metadata/ports.ts";
import { type RecordRule, verifyRecord } from "../../domain/metadata/stored-record.ts";
import type { AccessPolicy } from "../../domain/policy/access-policy.ts";
import type { Cloud } from "../../domain/shared/cloud.ts";
import { type MetadataSource, sourceName } from "../../domain/shared/metadata-source.ts";
import { CommandProblem } from "../command-problem.ts";

/** Milliseconds. The timer runs every hour, so after two hours something is wrong. */
export const staleAfterMs = 2 * 3_600_000;

/**
 * `announced`: published, but no signature by it was seen yet. `active`: a signature was seen. `retiring`: no longer
 * published, but trusted for a day. `retired`: not trusted.
 */
type KeyState = "announced" | "active" | "retiring" | "retired";

export interface SourceState {
  source: string;
  /** Undefined if nothing was ever accepted. */
  verifiedAtMs?: number;
  isStale: boolean;
  documents: {
    document: "federation" | "discovery" | "jwks";
    verifiedAtMs: number;
    fetchedAtMs: number;
    sha256: string;
  }[];
  keys: { kid: string; state: KeyState; firstSeenMs: number; lastSeenMs: number; firstUsedMs?: number }[];
  /** SHA-256 of Entra's TLS certificate when the key set was fetched. */
  tlsFingerprint?: string;
  idpValidUntilMs?: number;
}

/** The metadata sources of a policy. The home tenant's is always one of them. */
export function sourcesOf(policy: AccessPolicy): MetadataSource[] {
  const home: MetadataSource = { tenant: policy.homeTenantId };
  return [...new Map([[sourceName(home), home], ...policy.metadata]).values()];
}

export interface StoredSource {
  known?: LastKnownGood;
  /** The rule that the stored record breaks. */
  refused?: RecordRule;
}

/** The stored record of a source, verified as the app verifies it. Throws like the store. */
export async function readStored(store: MetadataStore, source: MetadataSource, cloud: Cloud): Promise<StoredSource> {
  const stored = await store.read(sourceName(source));
  if (!stored) return {};
  const verified = await verifyRecord(stored.record, source, { cloud, verifyFederationMetadata });
  return verified.ok ? { known: verified.value } : { refused: verified.refusal };
}

/**
 * As `readStored`, with a problem for operators.
 * @throws CommandProblem `unavailable` if it cannot be read
 */
export async function loadStored(store: MetadataStore, source: MetadataSource, cloud: Cloud): Promise<StoredSource> {
  try {
    return await readStored(store, source, cloud);
  } catch (error) {
    throw new CommandProblem("unavailable", `The metadata container cannot be read (${errorClass(error)})`, {
      where: "KEYHOLD_METADATA_CONTAINER_URL",
      remedy: "check the network path, and that you may read it: az login, Storage Blob Data Reader",
    });
  }
}

/** The stored record of a source, in the form that operators see. Pure. */
export function stateOfSource(source: string, known: LastKnownGood | undefined, nowMs: number): SourceState {
  const documents = (["federation", "discovery", "jwks"] as const).flatMap((document) => {
    const record = known?.[document];
    if (!record) return [];
    const { verifiedAtMs, fetchedAtMs, sha256 } = record;
    return [{ document, verifiedAtMs, fetchedAtMs, sha256 }];
  });
  const verifiedAtMs = documents.length > 0 ? Math.min(...documents.map((each) => each.verifiedAtMs)) : undefined;
  const tlsFingerprint = known?.jwks?.chain[0]?.fingerprint256;
  return {
    source,
    ...(verifiedAtMs === undefined ? {} : { verifiedAtMs }),
    isStale: verifiedAtMs === undefined || nowMs - verifiedAtMs > staleAfterMs,
    documents,
    keys: (known?.keys ?? []).map((key) => {
      const { kid, firstSeenMs, lastSeenMs, firstUsedMs } = key;
      const state = stateOfKey(key, known?.federation?.signedBy, nowMs);
      return { kid, state, firstSeenMs, lastSeenMs, ...(firstUsedMs === undefined ? {} : { firstUsedMs }) };
    }),
    ...(tlsFingerprint === undefined ? {} : { tlsFingerprint }),
    ...(known?.idp ? { idpValidUntilMs: known.idp.validUntilMs } : {}),
  };
}

function stateOfKey(
  { kid, removedMs, lastSeenMs, firstUsedMs }: KeyRecord,
  signedBy: string | undefined,
  nowMs: number,
) {
  if (nowMs - lastSeenMs >= keyLifetimeMs) return "retired";
  if (removedMs !== undefined) return "retiring";
  return firstUsedMs !== undefined || kid === signedBy ? "active" : "announced";
}
