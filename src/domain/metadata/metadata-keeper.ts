import type { Guid } from "../shared/guid.ts";
import { type MetadataSource, type OnDiscontinuity, sourceName } from "../shared/metadata-source.ts";
import type { Deadline, StartDeadline } from "../shared/retry.ts";
import type { SigningCertificate } from "../signing/certificate.ts";
import { type KeptMetadata, type KeptMetadataPorts, keepMetadata } from "./kept-metadata.ts";
import { keyLifetimeMs, type LastKnownGood, withdrawnKeys } from "./last-known-good.ts";

/** What is to be kept, as the policy in force says. */
export interface WantedMetadata {
  /** By source name. */
  sources: ReadonlyMap<string, MetadataSource & { onDiscontinuity: OnDiscontinuity }>;
  /** Signs `idp.xml`; without one there is none. */
  publisher: SigningCertificate | undefined;
}

/** All sources: the home tenant, which callers' tokens are verified with, and those that the policy lists. */
export interface MetadataKeeper {
  home: KeptMetadata;
  /** The source that is kept under this name; undefined for one that is not. */
  find(name: string): KeptMetadata | undefined;
  /**
   * Refreshes all of them side by side and reports those that were not confirmed for long. Never rejects, and resolves
   * at its deadline at the latest: a refresh that is still under way then continues, and its source may be reported.
   */
  refreshAll(): Promise<void>;
  /** Entra's keys that were withdrawn at once, by `kid`: when that was noticed, as far as this process knows. */
  withdrawnKeys(nowMs: number): ReadonlyMap<string, number>;
  apply(wanted: WantedMetadata): void;
}

export interface MetadataKeeperPorts extends Omit<KeptMetadataPorts, "onDiscontinuity" | "derive"> {
  derive: (
    next: LastKnownGood,
    source: string,
    publisher: SigningCertificate | undefined,
    nowMs: number,
  ) => Promise<LastKnownGood>;
  clock: () => number;
  sleep: (ms: number) => Promise<void>;
  startDeadline: StartDeadline;
  /** 0 <= x < 1. */
  random: () => number;
}

/** Milliseconds: not everybody's timer at the same second, and no second that can be foreseen. */
const jitterMs = 10_000;
/** Sources at once: each is three requests and, where something changed, the verification of a large document. */
const lanes = 8;
/** Milliseconds that a source may keep its lane: more than its requests and storage take at most. */
const turnMs = 30_000;
/** Milliseconds for all sources: below `functionTimeout` of host.json, 5 min, with the jitter. */
const runMs = 240_000;
const staleAfterMs = keyLifetimeMs / 4;

/** The metadata of all sources that the policy names, and of the home tenant, whose keys verify callers' tokens. */
export function createMetadataKeeper(homeTenantId: Guid, ports: MetadataKeeperPorts): MetadataKeeper {
  const kept = new Map<string, KeptMetadata>();
  let wanted: WantedMetadata | undefined;
  const keptPorts: KeptMetadataPorts = {
    ...ports,
    // As long as no policy says that a discontinuity may be accepted, it is not.
    onDiscontinuity: (source) => {
      if (!wanted) return "hold";
      return wanted.sources.get(sourceName(source))?.onDiscontinuity ?? "accept-and-alarm";
    },
    derive: (next, source, nowMs) => ports.derive(next, source, wanted?.publisher, nowMs),
  };
  const keep = (source: MetadataSource) => {
    const name = sourceName(source);
    const metadata = kept.get(name) ?? keepMetadata(source, keptPorts);
    kept.set(name, metadata);
    return metadata;
  };
  const home = keep({ tenant: homeTenantId });

  /** Reports on the source also where its turn was cut off: that is when it is most likely to be stale. */
  async function refreshOne(metadata: KeptMetadata, run: Deadline): Promise<void> {
    const nowMs = ports.clock();
    if (!run.signal.aborted) {
      const turn = ports.startDeadline(turnMs);
      await Promise.race([metadata.refresh(nowMs), ended(AbortSignal.any([turn.signal, run.signal]))]);
    }
    const known = metadata.known();
    const confirmed = [known?.federation?.verifiedAtMs, known?.jwks?.verifiedAtMs].map((ms) => ms ?? 0);
    const ageMs = nowMs - Math.min(...confirmed);
    if (ageMs < staleAfterMs) return;
    const ageSeconds = confirmed.includes(0) ? undefined : Math.round(ageMs / 1000);
    ports.record({ event: "metadata_stale", source: metadata.name, ageSeconds });
  }

  return {
    home,
    find: (name) => kept.get(name),
    withdrawnKeys(nowMs) {
      const known = [...kept.values()].flatMap((source) => source.known()?.keys ?? []);
      const withdrawn = withdrawnKeys(known, nowMs);
      // Tenants have keys of their own at times: what another one still publishes is not withdrawn.
      for (const { kid, removedMs } of known) if (removedMs === undefined) withdrawn.delete(kid);
      return withdrawn;
    },
    apply(applied) {
      wanted = applied;
      for (const source of applied.sources.values()) keep(source);
      for (const name of kept.keys()) if (name !== home.name && !applied.sources.has(name)) kept.delete(name);
    },
    async refreshAll() {
      const startedMs = ports.clock();
      await ports.sleep(jitterMs * ports.random());
      const run = ports.startDeadline(runMs);
      const waiting = [...kept.values()];
      const lane = async () => {
        for (let next = waiting.shift(); next; next = waiting.shift()) await refreshOne(next, run);
      };
      await Promise.all(Array.from({ length: lanes }, lane));
      const durationMs = ports.clock() - startedMs;
      ports.record({ event: "metadata_refresh_finished", sources: kept.size, durationMs });
    },
  };
}

function ended(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
