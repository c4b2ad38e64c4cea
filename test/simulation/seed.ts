/** The process of one seed: `node test/simulation/seed.ts <SeedOrder as JSON>`. Prints its `SeedResult` as JSON. */
import { type FaultName, type Plan, planOf } from "./plan.ts";
import type { SeedOrder, SeedResult } from "./seeds.ts";
import { simulate } from "./simulate.ts";

const { seed, signatures, without, shrinks } = JSON.parse(process.argv[2] ?? "") as SeedOrder;
const plan = planOf(seed, signatures, without);
const { violations, counts, virtualHours } = await simulate(plan);
const { user, system } = process.cpuUsage();
const result: SeedResult = {
  ...{ seed, violations, counts, virtualHours, cpuSeconds: (user + system) / 1e6 },
  ...{ instances: plan.instances, sharesTokens: plan.sharesTokens, logsUserAgents: plan.logsUserAgents },
  ...(violations.length > 0 && shrinks ? { least: await shrink(plan) } : {}),
};
process.stdout.write(JSON.stringify(result));

/** The least that still fails: half the signatures, again and again, and without each fault in turn. */
async function shrink(failing: Plan): Promise<{ signatures: number; faults: FaultName[] }> {
  const fails = async (plan: Plan) => (await simulate(plan)).violations.length > 0;
  let plan = failing;
  while (plan.signatures > 10) {
    const smaller = { ...plan, signatures: Math.floor(plan.signatures / 2) };
    if (!(await fails(smaller))) break;
    plan = smaller;
  }
  for (const name of plan.faults) {
    const calmer = { ...plan, faults: new Set([...plan.faults].filter((each) => each !== name)) };
    if (await fails(calmer)) plan = calmer;
  }
  return { signatures: plan.signatures, faults: [...plan.faults] };
}
