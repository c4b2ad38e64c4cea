/** One instance, forked by measure.ts. Its connections to production names go to the stack. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ManagedIdentityCredential } from "@azure/identity";
import * as world from "../../local/stack/world.ts";
import { createTableLedger } from "../../src/adapters/storage/ledger-writer.ts";
import { parseGuid } from "../../src/domain/shared/guid.ts";
import type { SignIntent } from "../../src/domain/signing/ledger.ts";
import { createLedgerId } from "../../src/domain/signing/ledger-id.ts";

export interface InstanceOrder {
  url: string;
  clientId: string;
  /** A constant rate, whatever the answers, or a constant number in flight, as fast as they are stored. */
  pace: { perSecond: number } | { inFlight: number };
  seconds: number;
  signMs: number;
}

export interface InstanceReport {
  stored: string[];
  failed: number;
  lost: number;
  /** Milliseconds that a caller would have waited for each intent. */
  intentMs: number[];
  /** Processor seconds of this process. */
  cpuSeconds: number;
  /** Milliseconds from the first intent until the last outcome is in the table. */
  tookMs: number;
  /** The greatest delay of the loop that keeps the rate, in milliseconds. */
  behindMs: number;
}

const order = JSON.parse(process.argv[2] ?? "") as InstanceOrder;
const report: InstanceReport = { stored: [], failed: 0, lost: 0, intentMs: [], cpuSeconds: 0, tookMs: 0, behindMs: 0 };
const credential = new ManagedIdentityCredential({ clientId: order.clientId });
const ledger = createTableLedger(order.url, credential, () => report.lost++);
const [callerObjectId, clientId, tenantId] = [
  world.callers.billing.objectId,
  world.client.clientId,
  world.tenants.contoso.tenantId,
].map((id) => parseGuid(id));

async function sign(): Promise<void> {
  const timeMs = Date.now();
  const id = createLedgerId(timeMs);
  const beganMs = performance.now();
  try {
    await ledger.recordIntent({
      ...{ id, timeMs, purpose: "token", callerObjectId, clientId, tenantId },
      ...{ callerName: world.callers.billing.name, scope: world.scopes.graph, instance: `${process.pid}` },
      ...{ keyName: world.client.keyName, keyVersion: "0123456789abcdef0123456789abcdef" },
    } as SignIntent);
  } catch {
    report.failed += 1;
    return;
  }
  report.intentMs.push(performance.now() - beganMs);
  report.stored.push(id);
  await sleep(order.signMs);
  ledger.recordOutcome(id, {
    outcome: "issued",
    vaultRequestId: id,
    entraRequestId: id,
    tokenSha256: createHash("sha256").update(id).digest("hex"),
    tokenExpiresAt: Math.floor(timeMs / 1000) + 3600,
  });
}

await sign(); // token and connection, as on an instance that is warm
await sleep(1_000);
Object.assign(report, { stored: [], failed: 0, lost: 0, intentMs: [] });
const cpu = process.cpuUsage();
const startMs = performance.now();
await ("perSecond" in order.pace ? keepRate(order.pace.perSecond) : keepBusy(order.pace.inFlight));
await ledger.drain();
report.tookMs = performance.now() - startMs;
const { user, system } = process.cpuUsage(cpu);
report.cpuSeconds = (user + system) / 1e6;
process.send?.(report, () => process.exit(0));

async function keepRate(perSecond: number): Promise<void> {
  const signing: Promise<void>[] = [];
  for (let i = 0; i < perSecond * order.seconds; i++) {
    const waitMs = startMs + (1_000 * i) / perSecond - performance.now();
    if (waitMs > 1) await sleep(waitMs);
    report.behindMs = Math.max(report.behindMs, -waitMs);
    signing.push(sign());
  }
  await Promise.all(signing);
}

async function keepBusy(inFlight: number): Promise<void> {
  const endMs = startMs + 1_000 * order.seconds;
  const loop = async () => {
    while (performance.now() < endMs) await sign();
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
}
