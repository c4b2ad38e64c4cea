import { setTimeout as sleep } from "node:timers/promises";
import type { Stack } from "../../local/stack/stack.ts";
import type { Options } from "../measure/options.ts";
import { startMeasured } from "../stand/instance.ts";
import { type Asked, addTenants, askToken, inParallel, unlimited } from "../stand/world.ts";

type Lag = { p50: number; p99: number; max: number };

export interface WaveReport {
  cached: number;
  perSecond: number;
  requests: number;
  failed: number;
  /** Requests that were not answered from the cache. */
  waited: number;
  renewed: number;
  before: Lag;
  during: Lag;
  latencyBefore: number[];
  latencyDuring: number[];
  policyTenants: number;
  /** The longest delay of the event loop while a changed policy is read. */
  policyBlocksMs: number;
}

/**
 * All tokens live for an hour and are due for renewal after 45 to 51 minutes. Then all of them are due, and none is
 * about to expire.
 */
const lifetimeSeconds = 3_600;
const aheadMs = 52 * 60_000;
const fillAtATime = 16;

/** Fills an instance with tokens, moves the clocks forward, and keeps sending requests at a constant rate. */
export async function measureWave(stack: Stack, root: string, { quick }: Options): Promise<WaveReport> {
  const [cached, perSecond, beforeSeconds] = quick ? [150, 20, 3] : [3_000, 50, 15];
  const { tenantIds, policy } = await addTenants(stack, 10_000);
  const asked = tenantIds.slice(0, cached);
  stack.entra.tokenLifetimeSeconds = lifetimeSeconds;
  const instance = await startMeasured(stack, root, { settings: unlimited, isDirect: true });
  const { agent, httpUrl } = instance;
  const callerToken = await stack.callerToken("billing");
  const ask = (index: number) => askToken(httpUrl, asked[index % cached] ?? "", callerToken);
  const first = await inParallel(10, 1, ask);
  const filled = await inParallel(cached - 10, fillAtATime, (index) => ask(index + 10));
  // Outcomes and telemetry are written after the answers.
  await sleep(5_000);
  await agent.resetLag();
  const before = await keepRate(perSecond, beforeSeconds * perSecond, ask);
  const lagBefore = await agent.lag();
  const signs = () => stack.keyVault.audit.filter((row) => row.OperationName === "KeySign").length;
  const [signedBefore, cachedTokens] = [signs(), tokensOf([...first, ...filled, ...before])];
  await agent.setClockAhead(aheadMs);
  stack.entra.clockOffsetSeconds = aheadMs / 1_000;
  await agent.resetLag();
  // One request for every tenant: the first in its renewal window.
  const during = await keepRate(perSecond, cached, ask);
  const lagDuring = await agent.lag();
  const renewed = signs() - signedBefore;

  policy.tenants.pop();
  await agent.resetLag();
  await stack.writePolicy(policy);
  await agent.setClockAhead(aheadMs + 31_000);
  await ask(0);
  await sleep(1_500);
  const { max: policyBlocksMs } = await agent.lag();
  await instance.stop();
  stack.entra.clockOffsetSeconds = 0;
  stack.entra.tokenLifetimeSeconds = undefined;
  const answers = [...before, ...during];
  return {
    ...{ cached, perSecond, requests: answers.length, renewed, policyBlocksMs },
    failed: [...first, ...filled, ...answers].filter(({ status }) => status !== 200).length,
    waited: during.filter(({ body }) => !cachedTokens.has(String(body.access_token))).length,
    ...{ before: lagBefore, during: lagDuring, policyTenants: policy.tenants.length },
    latencyBefore: before.map(({ milliseconds }) => milliseconds),
    latencyDuring: during.map(({ milliseconds }) => milliseconds),
  };
}

async function keepRate(perSecond: number, count: number, ask: (index: number) => Promise<Asked>): Promise<Asked[]> {
  const startMs = performance.now();
  const pending: Promise<Asked>[] = [];
  for (let i = 0; i < count; i++) {
    const waitMs = startMs + (1_000 * i) / perSecond - performance.now();
    if (waitMs > 1) await sleep(waitMs);
    pending.push(ask(i));
  }
  return Promise.all(pending);
}

function tokensOf(answers: readonly Asked[]): Set<string> {
  return new Set(answers.map(({ body }) => String(body.access_token)));
}
