import { createHash } from "node:crypto";
import { RestError, type TableClient } from "@azure/data-tables";
import type { SharedToken } from "../../domain/issuing/ports.ts";
import type { TokenCacheKey } from "../../domain/issuing/token-cache.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";

/** The row of a token. Nothing in it is trusted before the token was decrypted. */
export interface TokenRow extends Omit<SharedToken, "accessToken"> {
  sealed: Uint8Array;
}

/** A row that does not have the form that we write. */
export class MalformedRow extends Error {
  override readonly name = "MalformedRow";
}

/** Larger than Entra's largest access tokens. A table property holds 64 KiB. */
const maxSealedBytes = 60_000;

/** The keys of a row. The partition is the tenant; the row key has the kind, cloud, client and a hash of the scope. */
function placeOf(kind: "token" | "claim", { cloud, clientId, tenantId, scope }: TokenCacheKey) {
  const scopeHash = createHash("sha256").update(scope).digest("hex").slice(0, 32);
  return { partitionKey: tenantId, rowKey: `${kind}_${cloud}_${clientId}_${scopeHash}` };
}

/**
 * The row of a token, if there is one.
 * @throws MalformedRow, or an error of the SDK
 */
export async function readToken(table: TableClient, place: TokenCacheKey): Promise<TokenRow | undefined> {
  const { partitionKey, rowKey } = placeOf("token", place);
  let row: Record<string, unknown>;
  try {
    row = await table.getEntity(partitionKey, rowKey);
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
  const { sealed, expiresAt, lifetimeSeconds, mintedAt } = row;
  if (!(sealed instanceof Uint8Array) || typeof lifetimeSeconds !== "number") throw new MalformedRow();
  return { sealed, lifetimeSeconds, expiresAt: Math.floor(msOf(expiresAt) / 1000), mintedAtMs: msOf(mintedAt) };
}

/** Replaces the row. A token that is too large for a table is not stored. */
export async function writeToken(table: TableClient, place: TokenCacheKey, row: TokenRow): Promise<void> {
  const { sealed, expiresAt, lifetimeSeconds, mintedAtMs } = row;
  if (sealed.length > maxSealedBytes) return;
  const dates = { expiresAt: new Date(expiresAt * 1000), mintedAt: new Date(mintedAtMs) };
  await table.upsertEntity({ ...placeOf("token", place), sealed, lifetimeSeconds, ...dates }, "Replace");
}

/** Inserts the claim, or takes over one that has expired. False: another instance holds it. */
export async function takeClaim(
  table: TableClient,
  place: TokenCacheKey,
  holder: string,
  { nowMs, untilMs }: { nowMs: number; untilMs: number },
): Promise<boolean> {
  const claim = { ...placeOf("claim", place), holder, expiresAt: new Date(untilMs) };
  try {
    await table.createEntity(claim);
    return true;
  } catch (error) {
    if (!hasStatus(error, 409)) throw error;
  }
  try {
    const held = await table.getEntity<Record<string, unknown>>(claim.partitionKey, claim.rowKey);
    if (held.holder !== holder && msOf(held.expiresAt) > nowMs) return false;
    await table.updateEntity(claim, "Replace", { etag: held.etag });
    return true;
  } catch (error) {
    if (hasStatus(error, 404) || hasStatus(error, 412)) return false;
    throw error;
  }
}

/** Deletes the claim if `holder` still holds it. */
export async function deleteClaim(table: TableClient, place: TokenCacheKey, holder: string): Promise<void> {
  const { partitionKey, rowKey } = placeOf("claim", place);
  try {
    const held = await table.getEntity<Record<string, unknown>>(partitionKey, rowKey);
    if (held.holder === holder) await table.deleteEntity(partitionKey, rowKey, { etag: held.etag });
  } catch (error) {
    if (!hasStatus(error, 404) && !hasStatus(error, 412)) throw error;
  }
}

/** Deletes claims and tokens that have expired, tokens that are not wanted, and rows that cannot be read. */
export async function deleteRows(
  table: TableClient,
  isWanted: (token: Pick<SharedToken, "mintedAtMs">, clientId: Guid, tenantId: Guid) => boolean,
  nowMs: number,
): Promise<void> {
  const select = ["PartitionKey", "RowKey", "expiresAt", "mintedAt"];
  const rows = table.listEntities<Record<string, unknown>>({ queryOptions: { select } });
  for await (const { partitionKey = "", rowKey = "", expiresAt, mintedAt } of rows) {
    const [kind, , client] = rowKey.split("_");
    const tenantId = parseGuid(partitionKey);
    const clientId = parseGuid(client);
    const isCurrent = expiresAt instanceof Date && expiresAt.getTime() > nowMs;
    const isKept =
      isCurrent &&
      clientId !== undefined &&
      tenantId !== undefined &&
      (kind === "claim" ||
        (mintedAt instanceof Date && isWanted({ mintedAtMs: mintedAt.getTime() }, clientId, tenantId)));
    if (!isKept) await table.deleteEntity(partitionKey, rowKey).catch(ignoreMissing);
  }
}

function ignoreMissing(error: unknown): void {
  if (!hasStatus(error, 404)) throw error;
}

function hasStatus(error: unknown, status: number): boolean {
  return error instanceof RestError && error.statusCode === status;
}

function msOf(date: unknown): number {
  if (!(date instanceof Date)) throw new MalformedRow();
  return date.getTime();
}
