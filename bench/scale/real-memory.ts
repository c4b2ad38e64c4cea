import { setTimeout as sleep } from "node:timers/promises";
import type { Stack } from "../../local/stack/stack.ts";
import type { Options } from "../measure/options.ts";
import { startMeasured } from "../stand/instance.ts";
import { addTenants, askToken, inParallel, unlimited } from "../stand/world.ts";

export interface RealMemoryReport {
  cached: number;
  /** Live heap with all tokens compared with half of them, per tenant, without the token itself. */
  bytesPerTenant: number;
}

const fillAtATime = 16;
/** Longer than the deadline of a mint. By then outcomes are written and telemetry is sent, too. */
const settleMs = 22_000;

/** Measures the memory that a real instance keeps for each tenant with a cached token. The first half warms it up. */
export async function measureRealMemory(stack: Stack, root: string, { quick }: Options): Promise<RealMemoryReport> {
  const cached = quick ? 300 : 3_000;
  const { tenantIds } = await addTenants(stack, 10_000);
  const { agent, httpUrl, stop } = await startMeasured(stack, root, { settings: unlimited, isDirect: true });
  const callerToken = await stack.callerToken("billing");
  /** The heap at rest after `count` more tenants have a token, and the bytes of these tokens. */
  const fill = async (from: number, count: number) => {
    const asked = await inParallel(count, fillAtATime, (index) =>
      askToken(httpUrl, tenantIds[from + index] ?? "", callerToken),
    );
    const failed = asked.find(({ status }) => status !== 200);
    if (failed) throw new Error(`a tenant's first token was answered with ${failed.status}`);
    await sleep(settleMs);
    const { heapUsed } = await agent.memoryAtRest();
    return { heapUsed, tokenBytes: asked.reduce((sum, { body }) => sum + String(body.access_token).length, 0) };
  };
  const half = await fill(0, cached / 2);
  const all = await fill(cached / 2, cached / 2);
  await stop();
  return { cached, bytesPerTenant: (all.heapUsed - half.heapUsed - all.tokenBytes) / (cached / 2) };
}
