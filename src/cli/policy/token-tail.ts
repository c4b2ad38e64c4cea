import { errorClass } from "../../adapters/azure/error.ts";
import type { LedgerSearch } from "../../domain/audit/ledger-search.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import { duration, isoTime, plural } from "../printable.ts";
import type { EntryKind } from "./find-entry.ts";

/** A token is valid for about an hour; a tenant's administrators can extend that to a day at most. */
const longestTokenMs = 25 * 3_600_000;
const queryKeys = { tenant: "tenantId", caller: "callerObjectId", client: "clientId" } as const;

/** The tokens that are still valid after a suspension, because an issued token cannot be revoked (T16). */
interface TokenTail {
  /** Tokens and assertions that have not expired. */
  alive: number;
  /** When the last of them expires, seconds since 1970. */
  lastExpiresAt?: number;
  /** Mints with an unknown outcome: each may have issued one more. */
  open: number;
  /** Rows that are not as Keyhold writes them. */
  unreadable: number;
  /** Why the ledger could not be read. */
  unavailable?: string;
}

/**
 * Reads 25 hours of the ledger for tokens of the entry with this id. Never rejects: `unavailable` says what failed.
 */
export async function tokenTail(ledger: LedgerSearch, kind: EntryKind, id: Guid, nowMs: number): Promise<TokenTail> {
  const tail: TokenTail = { alive: 0, open: 0, unreadable: 0 };
  try {
    // Reads a little into the future, because instances' clocks may be ahead of ours.
    const query = { fromMs: nowMs - longestTokenMs, toMs: nowMs + 300_000, [queryKeys[kind]]: id };
    for await (const row of ledger.find(query)) {
      if (!row.ok) tail.unreadable += 1;
      else if (!row.value.outcome) tail.open += 1;
      else {
        const expiresAt = expiryOf(row.value.outcome);
        if (expiresAt === undefined || expiresAt * 1000 <= nowMs) continue;
        tail.alive += 1;
        tail.lastExpiresAt = Math.max(tail.lastExpiresAt ?? 0, expiresAt);
      }
    }
  } catch (error) {
    tail.unavailable = errorClass(error);
  }
  return tail;
}

function expiryOf(outcome: object): number | undefined {
  if ("tokenExpiresAt" in outcome) return Number(outcome.tokenExpiresAt);
  return "assertionExpiresAt" in outcome ? Number(outcome.assertionExpiresAt) : undefined;
}

/** The tail in sentences, one line each. `nowMs`: milliseconds since 1970. */
export function describeTail(tail: TokenTail, nowMs: number): string[] {
  if (tail.unavailable !== undefined) {
    return [
      `The tokens that were already issued could not be read from the ledger (${tail.unavailable}): keyhold ledger lists it.`,
    ];
  }
  const lines =
    tail.lastExpiresAt === undefined
      ? ["According to the ledger no issued token is still valid."]
      : [
          `Already issued: ${plural(tail.alive, "token")}, which cannot be revoked. The last expires at ` +
            `${isoTime(tail.lastExpiresAt * 1000)}, in ${duration(tail.lastExpiresAt * 1000 - nowMs)}.`,
        ];
  if (tail.open > 0)
    lines.push(`${plural(tail.open, "mint")} with an unknown outcome may have issued another token each.`);
  if (tail.unreadable > 0) {
    lines.push(`${plural(tail.unreadable, "row")} of the ledger could not be read: keyhold ledger names them.`);
  }
  return lines;
}
