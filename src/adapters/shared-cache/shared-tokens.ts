import { setImmediate as nextTurn } from "node:timers/promises";
import type { TableClient } from "@azure/data-tables";
import type { IssuingEvent } from "../../domain/issuing/events.ts";
import { longestWaitMs } from "../../domain/issuing/fleet.ts";
import { mintDeadlineMs } from "../../domain/issuing/mint.ts";
import type { SharedTokens } from "../../domain/issuing/ports.ts";
import { within } from "../azure/deadline.ts";
import { errorClass } from "../azure/error.ts";
import { createGuard, type GuardLimits } from "./guard.ts";
import { openToken, rootKeyBytes, sealToken } from "./seal.ts";
import { deleteClaim, deleteRows, MalformedRow, readToken, takeClaim, writeToken } from "./table.ts";

export interface SharedCacheOptions {
  /** For operations that a request waits for. */
  table: TableClient;
  /** For operations in the background. */
  backgroundTable: TableClient;
  /** Opens a connection for both tables, with the identity's token. */
  connect: () => Promise<void>;
  /** The wrapped key from the settings. */
  wrappedKey: Uint8Array;
  unwrap: (wrapped: Uint8Array, abortSignal: AbortSignal) => Promise<Uint8Array>;
  instance: string;
  clock: () => number;
  record: (event: IssuingEvent) => void;
}

/** Maximum milliseconds that an answer waits for one operation, in addition to the wait for its turn. */
const patienceMs = 250;
/** Milliseconds for the preparation that an instance does once, with the identity's token and the first connection. */
const preparationMs = 5_000;
/**
 * Milliseconds for background operations. Longer, because a token that is not stored costs every other instance a mint.
 */
const behindAnswerMs = 5_000;
const sweepMs = 60_000;
const limits = {
  table: { failures: 3, failingMs: 750, restMs: 1_000, atOnce: 4, queueMs: longestWaitMs },
  background: { failures: 3, failingMs: 750, restMs: 1_000, atOnce: 4, queueMs: 5_000 },
  vault: { failures: 1, failingMs: 0, restMs: 5_000, atOnce: Number.POSITIVE_INFINITY, queueMs: 0 },
} as const satisfies Record<string, GuardLimits>;
/** Milliseconds. A claim lasts longer than its mint can take, so that a slow mint is not done twice. */
const claimMs = mintDeadlineMs + 5_000;
const reportIntervalMs = 60_000;

/** The fleet's tokens in an Azure table, encrypted under a key that only the vault can unwrap. */
export function createSharedTokens(options: SharedCacheOptions): SharedTokens & {
  /** Unwraps the key, and gets a token and a connection for the table, before the first request needs them. */
  warm(): Promise<void>;
} {
  const { table, backgroundTable, clock, instance, record } = options;
  const guards = {
    table: createGuard(limits.table, clock),
    background: createGuard(limits.background, clock),
    vault: createGuard(limits.vault, clock),
  };
  const reportedMs = new Map<string, number>();
  let rootKey: Uint8Array | undefined;
  let unwrapping: Promise<Uint8Array | undefined> | undefined;
  let preparing: Promise<unknown> | undefined;
  let isCold = true;

  function report(operation: SharedCacheOperation, reason: "failed" | "not_ours", because: string): void {
    const name = `${operation} ${reason}`;
    const nowMs = clock();
    if (Math.abs(nowMs - (reportedMs.get(name) ?? 0)) < reportIntervalMs) return;
    reportedMs.set(name, nowMs);
    record({ event: "shared_cache_failed", operation, reason, because });
  }

  async function attempt<T>(
    operation: SharedCacheOperation,
    part: keyof typeof guards,
    withinMs: number,
    otherwise: T,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      return await guards[part].attempt(withinMs, otherwise, work);
    } catch (error) {
      report(operation, "failed", errorClass(error));
      return otherwise;
    }
  }

  /** Asks the vault to unwrap the key once, and again only after a failure. */
  function unwrapOnce(): Promise<Uint8Array | undefined> {
    unwrapping ??= attempt("unwrap", "vault", preparationMs, undefined, async (signal) => {
      const key = await options.unwrap(options.wrappedKey, signal);
      if (key.length !== rootKeyBytes) throw new RangeError();
      rootKey = key;
      return key;
    }).finally(() => {
      unwrapping = undefined;
    });
    return unwrapping;
  }

  function prepare(): Promise<unknown> {
    const connecting = () => attempt("find", "table", preparationMs, undefined, options.connect);
    preparing ??= Promise.all([unwrapOnce(), connecting()]);
    return preparing;
  }

  /**
   * The key, if it is there in time. A cold instance waits for key and connection as long as it would wait for another
   * instance's mint, because its own mint would need the vault too. A late key at this point does not count as a
   * failure of the vault.
   */
  async function rootKeyInTime(): Promise<Uint8Array | undefined> {
    if (isCold) await within(longestWaitMs, prepare).catch(() => undefined);
    isCold = false;
    if (rootKey) return rootKey;
    return within(patienceMs, unwrapOnce).catch((error) => {
      report("unwrap", "failed", errorClass(error));
      return undefined;
    });
  }

  return {
    isBusy: guards.table.isBusy,
    async find(place) {
      const key = await rootKeyInTime();
      if (!key) return undefined;
      return attempt("find", "table", patienceMs, undefined, async () => {
        const row = await readToken(table, place).catch(ifMalformed);
        if (row === undefined) return undefined;
        if (row === "malformed") return notOurs("malformed");
        const { sealed, ...times } = row;
        if (times.expiresAt * 1000 <= clock()) return undefined;
        try {
          return { accessToken: openToken(key, place, times, sealed), ...times };
        } catch {
          return notOurs("not_authentic");
        }
      });
    },
    async claim(place) {
      // Without the key no token could be stored, and other instances would wait in vain.
      if (!(await rootKeyInTime())) return "unknown";
      return attempt("claim", "table", patienceMs, "unknown", async () => {
        const nowMs = clock();
        const isGranted = await takeClaim(table, place, instance, { nowMs, untilMs: nowMs + claimMs });
        return isGranted ? "granted" : "held";
      });
    },
    async store(place, token) {
      // Sealing and the SDK take milliseconds, so the answer is sent first.
      await nextTurn();
      const key = rootKey ?? (await unwrapOnce());
      if (!key) return;
      const { accessToken: _, ...times } = token;
      await attempt("store", "background", behindAnswerMs, undefined, () =>
        writeToken(backgroundTable, place, { ...times, sealed: sealToken(key, place, token) }),
      );
    },
    release: (place) =>
      attempt("release", "background", behindAnswerMs, undefined, () => deleteClaim(backgroundTable, place, instance)),
    sweep: (isWanted) =>
      attempt("sweep", "background", sweepMs, undefined, () => deleteRows(backgroundTable, isWanted, clock())),
    async warm() {
      await prepare();
    },
  };

  /** Reports a row that none of our instances wrote for this place: somebody else writes to the table. */
  function notOurs(because: string): undefined {
    report("find", "not_ours", because);
  }
}

type SharedCacheOperation = Extract<IssuingEvent, { event: "shared_cache_failed" }>["operation"];

function ifMalformed(error: unknown): "malformed" {
  if (error instanceof MalformedRow) return "malformed";
  throw error;
}
