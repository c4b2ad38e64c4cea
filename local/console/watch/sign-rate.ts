/** The current sign rate of the client's key, from the vault's log. */
import { bandOf } from "../../../src/domain/audit/baseline.ts";
import { windowMs } from "../../../src/domain/audit/sign-rate.ts";
import type { AuditEvent } from "../../emulators/key-vault/audit-log.ts";
import { client } from "../../stack/world.ts";
import type { LiveRate } from "../snapshot.ts";

const binSeconds = 10;
const bins = 90;

export function liveRate(vaultLog: readonly AuditEvent[], nowMs: number): LiveRate {
  const binMs = binSeconds * 1000;
  const fromMs = (Math.floor(nowMs / binMs) - bins + 1) * binMs;
  const windowFromMs = Math.floor(nowMs / windowMs) * windowMs;
  const signs = new Array<number>(bins).fill(0);
  let inWindow = 0;
  for (let i = vaultLog.length - 1; i >= 0; i--) {
    const event = vaultLog[i];
    const timeMs = Date.parse(event?.TimeGenerated ?? "");
    if (!event || timeMs < fromMs) break;
    if (event.OperationName !== "KeySign" || event.HttpStatusCode >= 300) continue;
    if (!event.Id.includes(`/${client.keyName}/`)) continue;
    const bin = Math.floor((timeMs - fromMs) / binMs);
    if (bin < bins) signs[bin] = (signs[bin] ?? 0) + 1;
    if (timeMs >= windowFromMs) inWindow += 1;
  }
  // Other weeks are unknown: the history starts with the stack, so it is always in its cold start.
  const { high, basis } = bandOf(windowFromMs, new Map());
  return { fromMs, binSeconds, signs, window: { signs: inWindow, high, basis } };
}
