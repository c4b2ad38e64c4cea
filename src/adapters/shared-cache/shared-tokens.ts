import type { TableClient } from "@azure/data-tables";
import type { IssuingEvent } from "../../domain/issuing/events.ts";
import { mintDeadlineMs } from "../../domain/issuing/mint.ts";
import type { SharedTokens } from "../../domain/issuing/ports.ts";
import { within } from "../azure/deadline.ts";
import { errorClass } from "../azure/error.ts";
import { openToken, rootKeyBytes, sealToken } from "./seal.ts";
import { deleteClaim, deleteRows, MalformedRow, openConnection, readToken, takeClaim, writeToken } from "./table.ts";

export interface SharedCacheOptions {
  /** For what a request waits for, and for sweeping. */
  table: TableClient;
  sweptTable: TableClient;
  /** As the settings have it. */
  wrappedKey: Uint8Array;
  unwrap: (wrapped: Uint8Array, abortSignal: AbortSignal) => Promise<Uint8Array>;
  instance: string;
  clock: () => number;
  record: (event: IssuingEvent) => void;
}

/** Milliseconds that an answer waits for one operation, at most. */
const patienceMs = 250;
/** Milliseconds that an answer of a cold instance waits for its key. */
const firstPatienceMs = 1_000;
const unwrapPatienceMs = 5_000;
/** Milliseconds without the shared cache after a failure: so that only one request waits for a table that is down. */
const restMs = 5_000;
/** A claim outlives the mint that it stands for, so that a slow mint is not doubled. */
const claimMs = mintDeadlineMs + 5_000;
const reportIntervalMs = 60_000;

/** The tokens of the fleet in an Azure table, encrypted under a key that only the vault can unwrap. */
export function createSharedTokens(options: SharedCacheOptions): SharedTokens & {
  /** Has the key unwrapped, and a token and a connection for the table at hand, before the first request needs them. */
  warm(): Promise<void>;
} {
  const { table, clock, instance, record } = options;
  const reportedMs = new Map<string, number>();
  let restUntilMs = 0;
  let rootKey: Promise<Uint8Array> | undefined;

  function report(operation: SharedCacheOperation, reason: "failed" | "not_ours", because: string): void {
    const name = `${operation} ${reason}`;
    const nowMs = clock();
    if (Math.abs(nowMs - (reportedMs.get(name) ?? 0)) < reportIntervalMs) return;
    reportedMs.set(name, nowMs);
    record({ event: "shared_cache_failed", operation, reason, because });
  }

  async function attempt<T>(
    operation: SharedCacheOperation,
    otherwise: T,
    work: () => Promise<T>,
    patience = patienceMs,
  ): Promise<T> {
    if (clock() < restUntilMs) return otherwise;
    try {
      return await within(patience, work);
    } catch (error) {
      restUntilMs = clock() + restMs;
      report(operation, "failed", errorClass(error));
      return otherwise;
    }
  }

  /** Asked of the vault once, and again only after a failure. */
  function unwrapOnce(): Promise<Uint8Array> {
    rootKey ??= within(unwrapPatienceMs, (signal) => options.unwrap(options.wrappedKey, signal)).then((key) => {
      if (key.length !== rootKeyBytes) throw new RangeError();
      return key;
    });
    rootKey.catch(() => {
      rootKey = undefined;
    });
    return rootKey;
  }

  /** A cold instance waits for its key a little longer: a mint would need the vault too. */
  async function rootKeyOfInstance(): Promise<Uint8Array | undefined> {
    return attempt("unwrap", undefined, unwrapOnce, firstPatienceMs);
  }

  return {
    async find(place) {
      const key = await rootKeyOfInstance();
      return (
        key &&
        attempt("find", undefined, async () => {
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
        })
      );
    },
    claim: (place) =>
      attempt("claim", "unknown", async () => {
        const nowMs = clock();
        const isGranted = await takeClaim(table, place, instance, { nowMs, untilMs: nowMs + claimMs });
        return isGranted ? "granted" : "held";
      }),
    async store(place, token) {
      const key = await rootKeyOfInstance();
      const { accessToken: _, ...times } = token;
      if (key)
        await attempt("store", undefined, () =>
          writeToken(table, place, { ...times, sealed: sealToken(key, place, token) }),
        );
    },
    release: (place) => attempt("release", undefined, () => deleteClaim(table, place, instance)),
    sweep: (isWanted) => attempt("sweep", undefined, () => deleteRows(options.sweptTable, isWanted, clock()), 60_000),
    async warm() {
      await Promise.all([
        attempt("unwrap", undefined, unwrapOnce, unwrapPatienceMs),
        attempt("find", undefined, () => openConnection(options.sweptTable), unwrapPatienceMs),
      ]);
    },
  };

  /** A row that no instance of ours has written for this place: somebody else writes to the table. */
  function notOurs(because: string): undefined {
    report("find", "not_ours", because);
  }
}

type SharedCacheOperation = Extract<IssuingEvent, { event: "shared_cache_failed" }>["operation"];

function ifMalformed(error: unknown): "malformed" {
  if (error instanceof MalformedRow) return "malformed";
  throw error;
}
