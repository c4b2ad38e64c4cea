import type { KeyObject } from "node:crypto";
import { Fault } from "../shared/fault.ts";
import { type MetadataSource, type OnDiscontinuity, sourceName } from "../shared/metadata-source.ts";
import type { StartDeadline } from "../shared/retry.ts";
import { createDocumentChecks, type DocumentCheckPorts } from "./document-checks.ts";
import { createKeyLookUp } from "./key-look-up.ts";
import { isTrusted, type LastKnownGood, trustedKeys } from "./last-known-good.ts";
import type { MetadataStore, StoredMetadata } from "./ports.ts";
import { verifyPublishedKey } from "./published-key.ts";
import { type RefreshPorts, refreshSource } from "./refresh-source.ts";
import { verifyRecord } from "./stored-record.ts";

/**
 * One source as this process sees it. It is read from storage now and then, and refreshed from the provider by the
 * timer, by a request with an unknown key, or by a request that finds the timer overdue.
 */
export interface KeptMetadata {
  readonly name: string;
  /** What is known; undefined if nothing was ever accepted. Waits only if nothing is known. */
  view(nowMs: number): Promise<LastKnownGood | undefined>;
  /** As `view`, for republishing: without documents whose signature was not verified in this process. */
  readable(nowMs: number): Promise<LastKnownGood | undefined>;
  /** What is known at this moment, without I/O. */
  known(): LastKnownGood | undefined;
  /** What storage holds, without a request to the provider; read again only after this time. Never throws. */
  stored(nowMs: number, olderThanMs?: number): Promise<LastKnownGood | undefined>;
  /** As `stored`, for republishing. */
  republishable(nowMs: number, olderThanMs: number): Promise<LastKnownGood | undefined>;
  /** Whether storage has ever answered. */
  hasRead(): boolean;
  /**
   * Fetches from the provider now, and publishes what is not published yet. Never throws: failures are recorded as
   * events, and the known documents stay. `requestId`: of the operator's request that this carries out.
   */
  refresh(nowMs: number, requestId?: string): Promise<LastKnownGood | undefined>;
  /**
   * The key to verify a token with; an unknown one is looked up, within limits (key-look-up.ts).
   * @throws Fault `caller_keys_unavailable` where no key at all is trusted
   */
  findKey(kid: string, nowMs: number): Promise<KeyObject | "unknown" | "not_looked_up">;
  /** Records that a token was verified with this key. Only the first time is stored. */
  noteUse(kid: string, nowMs: number): void;
  /** Whether there is a key to verify with. */
  isReady(nowMs: number): Promise<boolean>;
}

export interface KeptMetadataPorts extends RefreshPorts, DocumentCheckPorts {
  store: MetadataStore;
  /** Called at each refresh, because the policy may have changed. */
  onDiscontinuity: (source: MetadataSource) => OnDiscontinuity;
  /** Adds what is derived and stored with it: the re-signed document. Throws a `Fault` to leave that as it was. */
  derive: (next: LastKnownGood, source: string, nowMs: number) => Promise<LastKnownGood>;
  startDeadline: StartDeadline;
}

/** Milliseconds after which storage is read again, since other instances refresh too. */
const rereadMs = 60_000;
/** The timer runs every hour; if it does not, requests start the refresh. */
const overdueMs = 90 * 60_000;
/** The least time between two such refreshes (Entra's own advice). */
const overdueRetryMs = 300_000;
/** The same where nothing is known at all. */
const retryMs = 5_000;

/** The keeper of one source, whose metadata come from storage and from the identity provider. */
export function keepMetadata(source: MetadataSource, ports: KeptMetadataPorts): KeptMetadata {
  const name = sourceName(source);
  const firstUses = new Map<string, number>();
  let known: LastKnownGood | undefined;
  let publicKeys: ReadonlyMap<string, KeyObject | undefined> = new Map();
  let storedEtag: string | undefined;
  /** What is known was stored by an earlier version, and is to be fetched again. */
  let isMigrated = false;
  let hasRead = false;
  let readAtMs = Number.NEGATIVE_INFINITY;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  const checks = createDocumentChecks(source, ports);
  const reading = singleFlight(read);
  const asking = singleFlight(ask);
  let storing: Promise<void> = Promise.resolve();

  function adopt(value: LastKnownGood): void {
    const before = publicKeys;
    known = value;
    publicKeys = new Map(value.keys.map((key) => [key.kid, before.get(key.kid) ?? verifyPublishedKey(key)]));
  }

  async function read(nowMs: number): Promise<void> {
    readAtMs = nowMs;
    let stored: StoredMetadata | undefined;
    try {
      stored = await ports.store.read(name);
    } catch {
      ports.record({ event: "metadata_store_unavailable", source: name, operation: "read" });
      return;
    }
    hasRead = true;
    if (!stored) storedEtag = undefined;
    if (!stored || (known && stored.etag === storedEtag)) return;
    const verified = await verifyRecord(stored.record, source, ports);
    if (verified.ok) {
      storedEtag = stored.etag;
      adopt(verified.value);
      isMigrated = stored.record?.version === 1;
      // Neither used nor overwritten: the known documents stay, and an operator should investigate.
    } else ports.record({ event: "metadata_record_refused", source: name, rule: verified.refusal });
  }

  /** Stored federation metadata vouches for no key, and is not republished, until it is verified. */
  async function verifyFederation(): Promise<boolean> {
    const federation = known?.federation;
    if (!federation) return true;
    const verifies = await checks.federation(federation);
    if (verifies === false && known?.federation === federation) {
      ports.record({ event: "metadata_record_refused", source: name, rule: "the federation metadata do not verify" });
      const { federation: _federation, idp: _idp, ...others } = known;
      known = others;
    }
    return verifies === true;
  }

  /** Whether the stored `idp.xml` verifies, by a certificate of the policy. Call it after `verifyFederation`. */
  const verifyIdp = async () => known && checks.idp(known);

  /** Resolves when the answer is in use: a request that waits for a key does not wait for storage. */
  async function ask(nowMs: number): Promise<void> {
    await storing;
    askedAtMs = nowMs;
    await reading(nowMs);
    await verifyFederation();
    if ((await verifyIdp()) === false && known) {
      const { idp: _idp, ...others } = known;
      known = others;
    }
    const observed = { firstUses, onDiscontinuity: ports.onDiscontinuity(source), nowMs };
    const next = await refreshSource(source, known, observed, ports);
    adopt(next);
    // A published document is published again after every change; the timer does it the first time.
    storing = (next.idp ? publish(next, nowMs) : Promise.resolve(next)).then((record) => store(record, nowMs));
  }

  /** Adds what is derived, where that succeeds. */
  async function publish(record: LastKnownGood, nowMs: number): Promise<LastKnownGood> {
    try {
      known = await ports.derive(record, name, nowMs);
      return known;
    } catch (error) {
      const code = error instanceof Fault ? error.code : "unexpected";
      ports.record({ event: "metadata_not_republished", source: name, code });
      return record;
    }
  }

  async function store(record: LastKnownGood, nowMs: number): Promise<void> {
    try {
      // A conflict means that another instance has just refreshed: its complete result is as good as ours.
      await ports.store.write(name, record, storedEtag);
      await reading(nowMs);
    } catch {
      ports.record({ event: "metadata_store_unavailable", source: name, operation: "write" });
    }
  }

  async function view(nowMs: number): Promise<LastKnownGood | undefined> {
    if (reading.isRunning() || nowMs - readAtMs >= rereadMs) {
      const done = reading(nowMs);
      if (!known) await done;
    }
    const isOverdue = nowMs - (known?.jwks?.verifiedAtMs ?? Number.NEGATIVE_INFINITY) >= overdueMs;
    if (!known) {
      if (asking.isRunning() || nowMs - askedAtMs >= retryMs) await asking(nowMs);
    } else if ((isOverdue || isMigrated) && nowMs - askedAtMs >= overdueRetryMs) void asking(nowMs);
    return known;
  }

  async function stored(nowMs: number, olderThanMs = 0): Promise<LastKnownGood | undefined> {
    if (nowMs - readAtMs >= olderThanMs) await reading(nowMs);
    return known;
  }

  /** What is known, without the parts that do not verify. */
  async function verified(): Promise<LastKnownGood | undefined> {
    const isFederationVerified = await verifyFederation();
    const isIdpVerified = isFederationVerified && (await verifyIdp()) === true;
    if (!known) return undefined;
    const { federation, idp, ...others } = known;
    return {
      ...others,
      ...(isFederationVerified && federation && { federation }),
      ...(isIdpVerified && idp && { idp }),
    };
  }

  /** Whether the last fetch brought a document that was accepted. */
  const isConfirmed = () => known?.jwks !== undefined && known.jwks.verifiedAtMs >= askedAtMs;
  const trusted = (nowMs: number) => trustedKeys(known?.keys ?? [], nowMs);
  const find = (kid: string, nowMs: number) =>
    known?.keys.some((key) => key.kid === kid && isTrusted(key, nowMs)) ? publicKeys.get(kid) : undefined;
  const lookUp = createKeyLookUp({
    hasKeys: (nowMs) => trusted(nowMs).length > 0,
    asking,
    isKnown: (kid, nowMs) => find(kid, nowMs) !== undefined,
    isConfirmed,
    startDeadline: ports.startDeadline,
  });

  return {
    name,
    view,
    async readable(nowMs) {
      await view(nowMs);
      return verified();
    },
    known: () => known,
    stored,
    async republishable(nowMs, olderThanMs) {
      await stored(nowMs, olderThanMs);
      return verified();
    },
    hasRead: () => hasRead,
    async refresh(nowMs, requestId) {
      // A refresh that began before the operator's request may have missed what they want to see.
      if (requestId !== undefined && asking.isRunning()) await asking(nowMs);
      await asking(nowMs);
      await storing;
      const isUnpublished = !known?.idp;
      if (known && isUnpublished) await publish(known, nowMs);
      if (requestId !== undefined && known?.refreshed) {
        known = { ...known, refreshed: { ...known.refreshed, requestId } };
      }
      if (known && (requestId !== undefined || (isUnpublished && known.idp))) await store(known, nowMs);
      return known;
    },
    async isReady(nowMs) {
      await view(nowMs);
      return trusted(nowMs).length > 0;
    },
    async findKey(kid, nowMs) {
      await view(nowMs);
      const key = find(kid, nowMs);
      if (key) return key;
      const isLookedUp = await lookUp(kid, nowMs);
      if (trusted(nowMs).length === 0) throw new Fault("caller_keys_unavailable");
      return find(kid, nowMs) ?? (isLookedUp ? "unknown" : "not_looked_up");
    },
    noteUse(kid, nowMs) {
      if (!firstUses.has(kid) && known?.keys.some((key) => key.kid === kid)) firstUses.set(kid, nowMs);
    },
  };
}

/** Runs one at a time; calls made during a run share its result. */
function singleFlight(run: (nowMs: number) => Promise<void>) {
  let running: Promise<void> | undefined;
  const start = (nowMs: number): Promise<void> => {
    running ??= run(nowMs).finally(() => {
      running = undefined;
    });
    return running;
  };
  return Object.assign(start, { isRunning: () => running !== undefined });
}
