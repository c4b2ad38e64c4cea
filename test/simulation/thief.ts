import { forgeRow } from "./forger.ts";
import type { World } from "./model.ts";
import type { FaultName } from "./plan.ts";
import { heatSlowly } from "./slow-water.ts";
import { steal } from "./steal.ts";

/**
 * Somebody with a token of the signing identity (or, as `stranger`, with another identity that may sign) who asks the
 * vault for signatures behind Keyhold's back.
 */
const habits: Partial<Record<FaultName, (world: World) => void>> = {
  "thief-burst": (world) =>
    every(world, 3_600_000, () => {
      for (let i = 0; i < world.random.between(50, 300); i++) {
        world.time.at(world.time.now() + world.random.between(0, 60_000), () => steal(world));
      }
    }),
  "thief-leak": (world) => every(world, 5 * 60_000, () => steal(world)),
  "thief-behind-open-intents": (world) =>
    every(world, 2 * 60_000, () => {
      // Sees that a connection was cut, and signs as the instance whose it was. Otherwise only hopes so.
      const { cutConnections, random, instances } = world;
      const cut = cutConnections.at(-1);
      const isRecent = cut !== undefined && world.time.now() - cut.timeMs < 80_000;
      const name = isRecent ? cut.instance : random.pick(instances)?.name;
      const keyVersion = isRecent ? cut.keyVersion : random.pick(world.keys.certificates).keyVersion;
      if (name) steal(world, { clientInfo: `keyhold/${name} azsdk-js`, keyVersion });
    }),
  "thief-copies-request-ids": (world) =>
    every(world, 6 * 60_000, () => {
      const copied = world.truths.at(-1);
      if (copied) steal(world, { requestId: copied.row.requestId, clientInfo: copied.row.clientInfo ?? "" });
    }),
  "thief-in-slowly-heated-water": (world) => every(world, heatSlowly(world), () => steal(world)),
  "thief-forges-rows": (world) => every(world, 3 * 60_000, () => forgeRow(world)),
  stranger: (world) =>
    every(world, 20 * 60_000, () => steal(world, { callerObjectId: "bbbbbbbb-0000-4000-8000-000000000002" })),
};

/** Sets the thief of the plan to work. */
export function letThiefIn(world: World): void {
  for (const [name, begin] of Object.entries(habits)) if (world.plan.faults.has(name as FaultName)) begin(world);
}

function every(world: World, meanMs: number, work: () => void): void {
  const next = () => {
    const waitMs = Math.ceil(-Math.log(1 - world.random.next()) * meanMs);
    world.time.at(world.time.now() + waitMs, () => {
      work();
      next();
    });
  };
  next();
}
