import { setTimeout as sleep } from "node:timers/promises";
import type { FunctionsInstance } from "../../local/stack/functions-instance.ts";
import type { Stack } from "../../local/stack/stack.ts";
import { randomOf } from "../../local/synthetic-year/random.ts";
import { type Agent, agentSettings } from "../stand/instance.ts";
import { addTenants, unlimited } from "../stand/world.ts";
import { createChanges } from "./changes.ts";
import { createClocks } from "./clocks.ts";
import { compareLedger, type LedgerComparison } from "./compare-ledger.ts";
import { faultsOf } from "./faults.ts";
import { type ChangeKind, type FaultKind, type Pace, planSoak } from "./plan.ts";
import { makeTraffic, type TrafficReport } from "./traffic.ts";
import { createTruth } from "./truth.ts";

export interface SoakOptions {
  seed: number;
  pace: Pace;
  perSecond: number;
  warmTenants: number;
  /** How far the clocks are moved forward at each change of the policy; 0: not at all. */
  advanceMs: number;
  sampleEveryMs: number;
}

export interface MemorySample {
  atMs: number;
  rssMb: number;
  /** The heap after garbage collection. */
  heapMb: number;
}

export interface SoakResult {
  traffic: TrafficReport;
  faults: { kind: FaultKind; fromMs: number; toMs: number }[];
  changes: Record<ChangeKind, number>;
  /** Milliseconds from the write of a policy until it is in force. */
  applyMs: number[];
  memory: MemorySample[];
  ledger: LedgerComparison;
  /** The findings of the instance's own audit, by kind. */
  alarms: string[];
  output: string;
}

/** The last intent's outcome may be in its fifth wait when the faults end. */
const settleWithinMs = 45_000;
/** The cache's limit, so that tenants requested only once do not look like a leak. */
const cacheTokens = 400;

/** One instance under constant load, with faults and changes from a seed, on a stack that has no instance yet. */
export async function runSoak(stack: Stack, root: string | undefined, options: SoakOptions): Promise<SoakResult> {
  const { seed, pace, perSecond, warmTenants } = options;
  const coldTenants = Math.ceil((0.1 * perSecond * pace.totalMs) / 1_000);
  const { tenantIds, policy } = await addTenants(stack, warmTenants + coldTenants);
  const [warm, cold] = [tenantIds.slice(0, warmTenants), tenantIds.slice(warmTenants)];
  const { settings, agent } = await agentSettings();
  const cache = { KEYHOLD_CACHE_MAX_TOKENS: `${cacheTokens}` };
  const instance = await stack.addInstance(stack.ports, { ...settings, ...unlimited, ...cache }, root);
  const clocks = createClocks(stack, agent);
  const truth = createTruth();
  const suspendable = policy.tenants.filter(({ tenantId }) => warm.includes(tenantId)).map(({ name }) => name);
  const changes = await createChanges({
    ...{ stack, instance, policy, suspendable, truth, clocks, advanceMs: options.advanceMs },
  });
  const url = instance.httpUrl;
  await warmUp(url);
  stack.entra.tokenLifetimeSeconds = pace.lifetimesSeconds[0];
  const startMs = performance.now();
  const [faults, memory, traffic] = await Promise.all([
    followPlan(),
    sampleMemory(agent, startMs, pace.totalMs, options.sampleEveryMs),
    makeTraffic({
      ...{ url, perSecond, totalMs: pace.totalMs, warm, cold, truth, clocks },
      ...{ callers: changes.callers, random: randomOf(seed + 1) },
    }),
  ]);
  const ledger = await compareLedger(stack, settleWithinMs);
  const alarms = alarmsOf(instance);
  return {
    ...{ traffic, faults, memory, ledger, alarms },
    ...{ changes: changes.done, applyMs: changes.applyMs, output: instance.output() },
  };

  async function followPlan(): Promise<SoakResult["faults"]> {
    const begin = faultsOf(stack, clocks);
    const begun: SoakResult["faults"] = [];
    const changing: Promise<void>[] = [];
    for (const step of planSoak(randomOf(seed), pace)) {
      await sleep(Math.max(0, startMs + step.atMs - performance.now()));
      if ("lifetimeSeconds" in step) stack.entra.tokenLifetimeSeconds = step.lifetimeSeconds;
      else if ("change" in step) changing.push(changes.make(step.change));
      else {
        const fromMs = performance.now() - startMs;
        const known = truth.beginFault(clocks.now(), step.fault.startsWith("Entra's clock"));
        const end = await begin[step.fault]();
        await sleep(step.forMs);
        await end();
        known.end(clocks.now());
        begun.push({ kind: step.fault, fromMs, toMs: performance.now() - startMs });
      }
    }
    await Promise.all(changing);
    return begun;
  }
}

/**
 * Runs the audit once, which gives every managed identity of the instance its token for a day, as in Azure. Later steps
 * shorten the lifetime of tokens.
 */
async function warmUp(url: string): Promise<void> {
  await fetch(`${url}/admin/functions/recordSignRate?wait=true`, { method: "POST" });
}

async function sampleMemory(agent: Agent, startMs: number, totalMs: number, everyMs: number): Promise<MemorySample[]> {
  const samples: MemorySample[] = [];
  while (performance.now() - startMs < totalMs) {
    await sleep(everyMs);
    const { rss, heapUsed } = await agent.memoryAfterGc();
    samples.push({ atMs: performance.now() - startMs, rssMb: rss / 2 ** 20, heapMb: heapUsed / 2 ** 20 });
  }
  return samples;
}

function alarmsOf(instance: FunctionsInstance): string[] {
  const findings = instance.output().matchAll(/"event":"sign_audit_finding".*?"finding":"(\w+)"/g);
  return [...findings].map(([, finding = ""]) => finding).sort();
}
