/**
 * `npm run simulate -- [--seed n] [--seeds n] [--signatures n] [--without fault,...] [--no-shrink]`: a fleet in virtual time, with faults and a
 * thief, whose audit must find every theft and invent none. Runs seeds from `--seed` on until all have made the
 * signatures. A seed that fails is run again with less and less, until nothing can be left out; ends with exit code 1.
 */
import { parseArgs } from "node:util";
import { type FaultName, faultNames, type Plan, planOf } from "./plan.ts";
import { simulate } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "20" },
    signatures: { type: "string", default: "1000000" },
    without: { type: "string", default: "" },
    "no-shrink": { type: "boolean", default: false },
  },
});
const seeds = Number(values.seeds);
const each = Math.ceil(Number(values.signatures) / seeds);
const without = values.without.split(",").filter((name): name is FaultName => faultNames.includes(name as FaultName));

let failed = 0;
for (let seed = Number(values.seed); seed < Number(values.seed) + seeds; seed++) {
  const plan = planOf(seed, each, without);
  const startedMs = performance.now();
  const { violations, counts, virtualHours } = await simulate(plan);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const facts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  console.log(
    `seed ${seed}: ${plan.instances} instances${plan.sharesTokens ? ", shared tokens" : ""}, ${virtualHours.toFixed(1)} h in ` +
      `${seconds} s: ${facts.join(", ")}; violations ${violations.length}`,
  );
  if (violations.length === 0) continue;
  failed += 1;
  for (const violation of violations.slice(0, 5)) console.log(`  ${violation}`);
  if (values["no-shrink"]) continue;
  const least = await shrink(plan);
  const kept = [...least.faults].join(",") || "none";
  console.log(`  still fails with ${least.signatures} signatures and these faults: ${kept}`);
}
process.exitCode = failed > 0 ? 1 : 0;

/** The least that still fails: half the signatures, again and again, and without each fault in turn. */
async function shrink(failing: Plan): Promise<Plan> {
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
  return plan;
}
