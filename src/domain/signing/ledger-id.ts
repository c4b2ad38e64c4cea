import { randomFillSync } from "node:crypto";
import { type Guid, parseGuid } from "../shared/guid.ts";

/**
 * A UUID version 7 (RFC 9562 §5.7): the time in it lets a row be found by its id alone, without an index. It is sent to
 * Entra as `client-request-id`, so that a customer can quote it from the sign-in log. `random` fills a buffer.
 */
export function createLedgerId(nowMs: number, random: (bytes: Buffer) => Buffer = randomFillSync): Guid {
  const bytes = random(Buffer.alloc(16));
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString("hex");
  const text = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  return parseGuid(text) as Guid;
}

/** The time in the id, milliseconds since 1970. */
export function timeOfLedgerId(id: Guid): number {
  return Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
}
