import * as z from "zod";
import type { UnreadableRow } from "../../domain/audit/ledger-search.ts";
import type { FaultCode } from "../../domain/shared/fault.ts";
import { type Guid, parseGuid } from "../../domain/shared/guid.ts";
import { ok, type Result, refuse } from "../../domain/shared/result.ts";
import { type LedgerEntry, type SignIntent, type SignOutcome, signPurposes } from "../../domain/signing/ledger.ts";
import { timeOfLedgerId } from "../../domain/signing/ledger-id.ts";
import { partitionOf } from "./ledger-partition.ts";

/** The form of a ledger row in the table; writing and reading. */

/** The row before the signature: the intent without an outcome. `timeMs` becomes the column `time`. */
export function intentEntity({ id, timeMs, ...intent }: SignIntent) {
  return { partitionKey: partitionOf(id), rowKey: id, time: new Date(timeMs), ...intent };
}

/** Copies known members only, so that nothing else in an outcome can get into a row. */
export function outcomeEntity(id: Guid, outcome: SignOutcome) {
  const { codes, tokenExpiresAt, assertionExpiresAt, ...texts } = {
    codes: undefined,
    tokenExpiresAt: undefined,
    assertionExpiresAt: undefined,
    ...outcome,
  };
  return {
    partitionKey: partitionOf(id),
    rowKey: id,
    ...texts,
    ...(codes ? { codes: codes.join(" ") } : {}),
    ...(tokenExpiresAt ? { tokenExpiresAt: new Date(tokenExpiresAt * 1000) } : {}),
    ...(assertionExpiresAt ? { assertionExpiresAt: new Date(assertionExpiresAt * 1000) } : {}),
  };
}

const guid = z.custom<Guid>((value) => typeof value === "string" && parseGuid(value) === value);
/** No control characters: a row that somebody else wrote must not control the terminal that shows it. */
const text = z.string().regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{0,1024}$/u);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** Any code, not only the current ones, because rows outlive versions of Keyhold. */
const fault = z.custom<FaultCode>((value) => typeof value === "string" && /^[a-z_]{1,64}$/.test(value));
const seconds = z.date().transform((time) => Math.floor(time.getTime() / 1000));
const codes = z
  .string()
  .regex(/^([0-9]{1,9}( [0-9]{1,9})*)?$/)
  .transform((list) => list.split(" ").filter(Boolean).map(Number));

const intentShape = z.object({
  time: z.date(),
  purpose: z.enum(signPurposes),
  callerObjectId: guid.exactOptional(),
  callerName: text,
  clientId: guid.exactOptional(),
  tenantId: guid.exactOptional(),
  scope: text.exactOptional(),
  metadataSource: text.exactOptional(),
  keyName: text.exactOptional(),
  keyVersion: text.exactOptional(),
  identityClientId: guid.exactOptional(),
  instance: text,
});
/** An intent names either a key version, or an identity that needs no key. */
const intentSchema = intentShape.superRefine(({ keyName, keyVersion, identityClientId }, context) => {
  const isWhole = identityClientId === undefined ? keyName !== undefined && keyVersion !== undefined : !keyName;
  if (!isWhole) context.addIssue({ code: "custom", path: ["keyName"] });
});

const signed = { vaultRequestId: text };
const exchanged = { vaultRequestId: text.exactOptional(), entraRequestId: text.exactOptional() };
const unknownOrNot = { vaultRequestId: text.exactOptional(), fault };
const outcomeSchema = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("issued"), ...exchanged, tokenSha256: sha256, tokenExpiresAt: seconds }),
  z.object({ outcome: z.literal("handed_out"), ...signed, assertionSha256: sha256, assertionExpiresAt: seconds }),
  z.object({ outcome: z.literal("published"), ...signed }),
  z.object({ outcome: z.literal("rejected"), ...exchanged, codes }),
  z.object({ outcome: z.literal("exchange_failed"), ...unknownOrNot }),
  z.object({ outcome: z.literal("signature_discarded"), ...signed, fault }),
  z.object({ outcome: z.literal("not_signed"), ...unknownOrNot }),
  z.object({ outcome: z.literal("maybe_signed"), ...unknownOrNot }),
]) satisfies z.ZodType<SignOutcome>;

/** All properties of our rows except the keys. */
export const ledgerProperties: readonly string[] = [
  ...new Set([intentShape, ...outcomeSchema.options].flatMap(({ shape }) => Object.keys(shape))),
];

/**
 * The entry of a row, or the properties that are not as Keyhold writes them. Time and partition follow from the id, so
 * a row that was moved is detected too. Other properties are ignored.
 */
export function parseLedgerEntity(entity: Record<string, unknown>): Result<LedgerEntry, UnreadableRow> {
  // A selected property that the row lacks is returned as null.
  const row = Object.fromEntries(Object.entries(entity).filter(([, value]) => value !== null && value !== undefined));
  const id = parseGuid(row.rowKey);
  const intent = intentSchema.safeParse(row);
  const outcome = row.outcome === undefined ? undefined : outcomeSchema.safeParse(row);
  const bad = [intent, outcome].flatMap((parsed) => parsed?.error?.issues.map(({ path }) => String(path[0])) ?? []);
  if (id === undefined || id !== row.rowKey) bad.unshift("rowKey");
  else {
    if (row.partitionKey !== partitionOf(id)) bad.unshift("partitionKey");
    if (intent.data?.keyName !== undefined && outcome?.data && lacksVaultRequest(outcome.data))
      bad.push("vaultRequestId");
    if (intent.success && intent.data.time.getTime() !== timeOfLedgerId(id)) bad.push("time");
  }
  if (bad.length > 0 || id === undefined || !intent.success || (outcome && !outcome.success)) {
    const [partition, rowKey] = [printable(row.partitionKey), printable(row.rowKey)];
    return refuse({ reason: "row_unreadable", partition, rowKey, properties: [...new Set(bad)] });
  }
  const { time, ...rest } = intent.data;
  const entry: LedgerEntry = { intent: { id, timeMs: time.getTime(), ...rest } };
  return ok(outcome ? { ...entry, outcome: outcome.data } : entry);
}

/**
 * Whether the outcome lacks the request id of a vault signature. Does not apply to a managed identity's token, which
 * the vault does not sign.
 */
function lacksVaultRequest({ outcome, vaultRequestId }: SignOutcome): boolean {
  return outcome !== "not_signed" && outcome !== "maybe_signed" && vaultRequestId === undefined;
}

function printable(key: unknown): string {
  return String(key)
    .replace(/[^\x20-\x7e]/g, "?")
    .slice(0, 64);
}
