/**
 * A separate process for measurements of memory and of single calls (`--expose-gc`). Its argument is the order as JSON;
 * it sends one message back.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { libraries } from "../peers/libraries.ts";
import { compileOf, createInMemory, deadlineMs, tenantOf, tokenBytes } from "./in-memory.ts";
import { answerLocally } from "./local-network.ts";

export type ScaleOrder =
  | { measure: "memory"; of: "Keyhold" | "@azure/msal-node" | "@azure/identity"; tenants: number }
  | { measure: "policy memory"; tenants: number }
  | { measure: "calls"; rounds: number; calls: number; most: number }
  | { measure: "renewals"; tenants: number; minutes: number; lifetimes: "one" | "60 to 90 minutes" };

/** Bytes of live heap, and the part that is the tokens themselves. */
export interface MemoryReport {
  heapBytes: number[];
  tokenBytes: number;
}

/** Microseconds of one call, keyed by what there is a large number of. One sample per round. */
export type CallsReport = Record<string, number[]>;

/** Signatures in each minute, and requests that had to wait for one after the first fill. */
export interface RenewalsReport {
  perMinute: number[];
  waited: number;
}

const order = JSON.parse(process.argv[2] ?? "") as ScaleOrder;
const reports = { memory, "policy memory": policyMemory, calls, renewals };
const report = await (reports[order.measure] as (order: ScaleOrder) => unknown)(order);
process.send?.(report, () => process.exit(0));

/**
 * Collects several times with a pause: the timer of a collected AbortSignal is cleared only in a later turn of the
 * event loop.
 */
async function liveHeap(): Promise<number> {
  await sleep(2 * deadlineMs);
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await sleep(20);
  }
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** Live heap without tenants, with half of them and with all of them. */
async function memory({ of, tenants }: ScaleOrder & { measure: "memory" }): Promise<MemoryReport> {
  const ask = of === "Keyhold" ? askKeyhold(tenants) : askLibrary(of);
  await ask(0);
  const heapBytes: number[] = [await liveHeap()];
  for (const half of [0, 1]) {
    for (let i = 1; i <= tenants / 2; i++) await ask((half * tenants) / 2 + i);
    heapBytes.push(await liveHeap());
  }
  return { heapBytes, tokenBytes };
}

function askKeyhold(tenants: number) {
  const { ask } = createInMemory(compileOf({ tenants: tenants + 1, callers: 1, tenantsPerGrant: 0 }));
  return (tenant: number) => ask(0, tenant);
}

function askLibrary(of: "@azure/msal-node" | "@azure/identity") {
  const getToken = libraries[of](async () => "assertion", answerLocally(tokenBytes));
  return (tenant: number) => getToken(tenantOf(tenant));
}

async function policyMemory({ tenants }: ScaleOrder & { measure: "policy memory" }): Promise<MemoryReport> {
  const kept: unknown[] = [compileOf({ tenants: 1, callers: 1, tenantsPerGrant: 0 })];
  const heapBytes = [await liveHeap()];
  kept.push(compileOf({ tenants: tenants / 2, callers: 1, tenantsPerGrant: 0 }));
  heapBytes.push(await liveHeap());
  kept[1] = compileOf({ tenants, callers: 1, tenantsPerGrant: 0 });
  heapBytes.push(await liveHeap());
  if (kept.length === 0) throw new Error("nothing is kept");
  return { heapBytes, tokenBytes: 0 };
}

/** Calls for cached tokens with ten of everything, and with a large number of one thing. */
async function calls({ rounds, calls: count, most }: ScaleOrder & { measure: "calls" }): Promise<CallsReport> {
  const few = 10;
  const sizes = {
    "ten of everything": { tenants: few, callers: 1, tenantsPerGrant: few },
    "many tenants": { tenants: most, callers: 1, tenantsPerGrant: 0 },
    "many callers": { tenants: few, callers: most, tenantsPerGrant: 0 },
    "many grants": { tenants: 100, callers: most / 100, tenantsPerGrant: 100 },
  };
  const worlds = Object.entries(sizes).map(([name, size]) => ({
    name,
    size,
    inMemory: createInMemory(compileOf(size)),
  }));
  for (const { size, inMemory } of worlds) {
    for (let tenant = 0; tenant < size.tenants; tenant++) await inMemory.ask(0, tenant);
  }
  const report: CallsReport = Object.fromEntries(worlds.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const { name, size, inMemory } of worlds) {
      const startedMs = performance.now();
      // 7919 is prime, so the calls are spread over all tenants and callers.
      for (let i = 0; i < count; i++) await inMemory.ask((i * 7_919) % size.callers, (i * 7_919) % size.tenants);
      if (round > 0) report[name]?.push((1_000 * (performance.now() - startedMs)) / count);
    }
  }
  return report;
}

/** Every tenant is requested every second minute, in simulated time. */
async function renewals({
  tenants,
  minutes,
  lifetimes,
}: ScaleOrder & { measure: "renewals" }): Promise<RenewalsReport> {
  const lifetime = () => (lifetimes === "one" ? 3_600 : 3_600 + (randomBytes(2).readUInt16BE() % 1_800));
  const inMemory = createInMemory(compileOf({ tenants, callers: 1, tenantsPerGrant: 0 }), lifetime);
  const startMs = inMemory.clock.nowMs;
  const perMinute = Array.from({ length: minutes }, () => 0);
  let waited = 0;
  for (let minute = 0; minute < minutes; minute++) {
    inMemory.clock.nowMs = startMs + 60_000 * minute;
    for (let tenant = minute % 2; tenant < tenants; tenant += 2) {
      const cached = await inMemory.ask(0, tenant);
      if (!cached && minute > 1) waited += 1;
    }
    await Promise.all(inMemory.context.flights.values());
  }
  for (const ms of inMemory.signedAtMs) {
    const minute = Math.floor((ms - startMs) / 60_000);
    perMinute[minute] = (perMinute[minute] ?? 0) + 1;
  }
  return { perMinute, waited };
}
