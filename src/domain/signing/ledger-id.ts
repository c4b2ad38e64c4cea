import { randomFillSync } from "node:crypto";
import { type Guid, parseGuid } from "../shared/guid.ts";

/**
 * A UUID version 7 (RFC 9562 §5.7): the time in it lets a row be found by its id alone, without an index. It goes
 * to Entra as `client-request-id`, so that a customer can quote it back from the sign-in log. `random` fills a buffer.
 */
export function createLedgerId(nowMs: number, random: (bytes: Buffer) => Buffer = randomFillSync): Guid {
  const bytes = random(Buffer.alloc(16));
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  const text = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  return parseGuid(text) as Guid;
}

/** Milliseconds since 1970, as written into the id when it was made. */
export function timeOfLedgerId(id: Guid): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
