import type { Guid } from "../shared/guid.ts";
import { type MetadataSource, type OnDiscontinuity, sourceName } from "../shared/metadata-source.ts";
import type { Deadline, StartDeadline } from "../shared/retry.ts";
import type { SigningCertificate } from "../signing/certificate.ts";
import { type KeptMetadata, type KeptMetadataPorts, keepMetadata } from "./kept-metadata.ts";
import { keyLifetimeMs, type LastKnownGood, standingAlarms, withdrawnKeys } from "./last-known-good.ts";
import { isPublishable } from "./publish-idp.ts";
import type { RefreshRequest } from "./refresh-requests.ts";

/** The sources that the policy in force asks for. */
export interface WantedMetadata {
  /** By source name. */
  sources: ReadonlyMap<string, MetadataSource & { onDiscontinuity: OnDiscontinuity }>;
  /**
   * Signs `idp.xml`; without it there is no `idp.xml`. `certificates`: all that may have signed one, `active` included.
   */
  publisher: { active: SigningCertificate; certificates: readonly SigningCertificate[] } | undefined;
}

/** All sources: the home tenant, which callers' tokens are verified with, and those that the policy lists. */
export interface MetadataKeeper {
  home: KeptMetadata;
  /** The source that is kept under this name; undefined for one that is not. */
  find(name: string): KeptMetadata | undefined;
  /**
   * Refreshes all of them in parallel and reports those that were not confirmed for long. Never rejects, and resolves
   * at its deadline at the latest: a refresh that is still under way then continues, and its source may be reported.
   */
  refreshAll(): Promise<void>;
  /** Entra's keys that were withdrawn without notice, by `kid`: when this process noticed, milliseconds since 1970. */
  withdrawnKeys(nowMs: number): ReadonlyMap<string, number>;
  /**
   * Refreshes and publishes only what is due: sources without a valid `idp.xml`, and those that an operator asked for.
   * For a timer that runs every few seconds: sources without work cost nothing. Never rejects.
   */
  refreshDue(requests: readonly RefreshRequest[]): Promise<void>;
  /** How many sources should have an `idp.xml` and have none in storage. Storage is read beside the answer. */
  unpublished(nowMs: number): number;
  apply(wanted: WantedMetadata): void;
}

export interface MetadataKeeperPorts extends Omit<KeptMetadataPorts, "onDiscontinuity" | "derive" | "publisherDers"> {
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

/** Milliseconds of random delay, so that the time of a refresh differs between deployments and cannot be predicted. */
const jitterMs = 10_000;
/** Sources refreshed at once. Each takes three requests and, after a change, the verification of a large document. */
const lanes = 8;
/** Milliseconds that a source may keep its lane: more than its requests and storage take at most. */
const turnMs = 30_000;
/** Milliseconds for all sources: below `functionTimeout` of host.json, 5 min, with the jitter. */
const runMs = 240_000;
const staleAfterMs = keyLifetimeMs / 4;
/** Milliseconds to wait after a refresh that changed nothing, doubled with each further one up to the maximum. */
const firstPauseMs = 30_000;
const longestPauseMs = 3_600_000;
/** Milliseconds: how old a reading of storage may be for a source with nothing due. It is verified each time. */
const settledAgeMs = 300_000;
/** Milliseconds: how old a reading of storage may be for the readiness probe. */
const probeAgeMs = 60_000;

/** The metadata of all sources that the policy names, and of the home tenant, whose keys verify callers' tokens. */
export function createMetadataKeeper(homeTenantId: Guid, ports: MetadataKeeperPorts): MetadataKeeper {
  const kept = new Map<string, KeptMetadata>();
  let wanted: WantedMetadata | undefined;
  const keptPorts: KeptMetadataPorts = {
    ...ports,
    // Until a policy allows it, a discontinuity is not accepted.
    onDiscontinuity: (source) => {
      if (!wanted) return "hold";
      return wanted.sources.get(sourceName(source))?.onDiscontinuity ?? "accept-and-alarm";
    },
    publisherDers: () => wanted?.publisher?.certificates.map(({ der }) => der) ?? [],
    derive: (next, source, nowMs) => ports.derive(next, source, wanted?.publisher?.active, nowMs),
  };
  const keep = (source: MetadataSource) => {
    const name = sourceName(source);
    const metadata = kept.get(name) ?? keepMetadata(source, keptPorts);
    kept.set(name, metadata);
    return metadata;
  };
  const home = keep({ tenant: homeTenantId });

  /** Sources whose last refresh by `refreshDue` changed nothing, and when they have their next turn. */
  const pauses = new Map<string, { why: string; forMs: number; untilMs: number }>();

  const isPublished = (known: LastKnownGood | undefined, nowMs: number) =>
    known?.idp !== undefined && known.idp.validUntilMs > nowMs;
  /** By the certificate that signs now: after a rotation a document of the former one is valid, and is replaced. */
  const isByPublisher = (known: LastKnownGood | undefined) =>
    known?.idp?.publisherX5tS256 === wanted?.publisher?.active.x5tS256;
  const wantsPublication = ({ name }: KeptMetadata) => wanted?.publisher !== undefined && isPublishable(name);

  /** The id of the request that is still to be carried out, or `publication`; undefined where nothing is due. */
  function dueOf(
    metadata: KeptMetadata,
    known: LastKnownGood | undefined,
    request: RefreshRequest | undefined,
    nowMs: number,
  ): string | undefined {
    if (request && known?.refreshed?.requestId !== request.id) return request.id;
    const isDone = isPublished(known, nowMs) && isByPublisher(known);
    return wantsPublication(metadata) && !isDone ? "publication" : undefined;
  }

  async function refreshIfDue(metadata: KeptMetadata, request: RefreshRequest | undefined, run: Deadline) {
    const nowMs = ports.clock();
    const due = (known: LastKnownGood | undefined) => dueOf(metadata, known, request, nowMs);
    const guess = due(metadata.known());
    const pause = pauses.get(metadata.name);
    const isPaused = (why: string | undefined) => pause !== undefined && pause.why === why && nowMs < pause.untilMs;
    if (run.signal.aborted || isPaused(guess)) return;
    // Another instance may have done it, or somebody else may have written a document that is not ours.
    const why = due(await metadata.republishable(nowMs, guess === undefined ? settledAgeMs : 0));
    if (why === undefined || isPaused(why)) return;
    await inTurn(metadata.refresh(nowMs, request?.id), run);
    if (due(metadata.known()) === undefined) return void pauses.delete(metadata.name);
    const forMs = pause?.why === why ? Math.min(2 * pause.forMs, longestPauseMs) : firstPauseMs;
    pauses.set(metadata.name, { why, forMs, untilMs: nowMs + forMs });
  }

  /** Waits for a source until its turn or the run ends. Its refresh still runs to completion. */
  function inTurn(refresh: Promise<unknown>, run: Deadline): Promise<unknown> {
    const turn = ports.startDeadline(turnMs);
    return Promise.race([refresh, ended(AbortSignal.any([turn.signal, run.signal]))]);
  }

  /** Handles all sources, a few at a time. */
  async function inLanes(work: (metadata: KeptMetadata, run: Deadline) => Promise<void>): Promise<void> {
    const run = ports.startDeadline(runMs);
    const waiting = [...kept.values()];
    const lane = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await work(next, run);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  /** Reports again what was accepted although no known key vouched for it, unless this run has just reported it. */
  function reportAlarms({ name, known }: KeptMetadata, nowMs: number): void {
    for (const { atMs, event, ...change } of standingAlarms(known()?.alarms ?? [], nowMs)) {
      if (atMs === nowMs) continue;
      const facts = { source: name, ...change };
      if (event === "metadata_discontinuous") ports.record({ event, action: "accepted", ...facts });
      else ports.record({ event, ...facts });
    }
  }

  /** Reports on a source even if its turn was cut off: that is when it is most likely to be stale. */
  async function refreshOne(metadata: KeptMetadata, run: Deadline): Promise<void> {
    const nowMs = ports.clock();
    if (!run.signal.aborted) await inTurn(metadata.refresh(nowMs), run);
    reportAlarms(metadata, nowMs);
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
      // A tenant may have keys of its own. A key that another source still publishes is not withdrawn.
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
      await inLanes(refreshOne);
      const durationMs = ports.clock() - startedMs;
      ports.record({ event: "metadata_refresh_finished", sources: kept.size, durationMs });
    },
    refreshDue(requests) {
      const bySource = new Map(requests.map((request) => [request.source, request]));
      return inLanes((metadata, run) => refreshIfDue(metadata, bySource.get(metadata.name), run));
    },
    unpublished(nowMs) {
      const missing = [...kept.values()].filter(
        (metadata) => wantsPublication(metadata) && !isPublished(metadata.known(), nowMs),
      );
      for (const metadata of missing) void metadata.stored(nowMs, probeAgeMs);
      return missing.filter((metadata) => metadata.hasRead()).length;
    },
  };
}

async function ended(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
}
