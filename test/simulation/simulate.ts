import { issueToken } from "../../src/domain/issuing/issue-token.ts";
import { Fault } from "../../src/domain/shared/fault.ts";
import type { Guid } from "../../src/domain/shared/guid.ts";
import { suspended } from "../support/fakes/policy-source.ts";
import * as ids from "../support/fixtures/ids.ts";
import { callerToken, type Instance, type World } from "./model.ts";
import { judge, type Verdict } from "./oracles.ts";
import type { Plan } from "./plan.ts";
import { letThiefIn } from "./thief.ts";
import { createWorld, startMs } from "./world.ts";

const minuteMs = 60_000;
const hourMs = 3_600_000;
/** A run that makes no progress ends here. */
const longestMs = 60 * 24 * hourMs;
/** Until every late row is in the log and every window was looked at. */
const settleMs = 14 * hourMs;

export interface Outcome extends Verdict {
  virtualHours: number;
  /** Hash of all that happened: the same for the same plan. */
  trace: string;
}

/** One run of a plan: the fleet works until the vault has made the signatures, and the audit until nothing is open. */
export async function simulate(plan: Plan): Promise<Outcome> {
  const world = createWorld(plan);
  const { time, random } = world;
  for (let i = 0; i < plan.instances; i++) world.start();
  let isOver = false;
  const suspendedAtMs = new Map<Guid, number>();

  const each = (intervalMs: number, work: () => void) => {
    const next = () => {
      work();
      time.at(time.now() + intervalMs, next);
    };
    time.at(time.now() + intervalMs, next);
  };
  /** Its tokens of before are gone. */
  const resume = (tenantId: Guid) => {
    suspendedAtMs.delete(tenantId);
    for (const { served } of world.instances) served.delete(tenantId);
  };
  const ask = () => {
    if (isOver) return;
    const waitMs = Math.ceil((-Math.log(1 - random.next()) * 1000) / plan.requestsPerSecond);
    time.at(time.now() + waitMs, ask);
    const instance = random.pick(world.instances);
    if (instance) void request(instance, world, random.pick(world.tenants), suspendedAtMs);
  };
  ask();
  if (plan.instances > 0) letThiefIn(untilOver(world, () => isOver));

  each(5 * minuteMs, () => {
    const audits = plan.faults.has("two-audits") && random.chance(0.2) ? 2 : 1;
    for (let i = 0; i < audits; i++)
      void random
        .pick(world.instances)
        ?.audit()
        .catch(() => undefined);
  });
  each(hourMs, () => {
    if (!isOver)
      void random
        .pick(world.instances)
        ?.checkCredentials()
        .catch(() => undefined);
  });
  if (plan.faults.has("ledger-down")) {
    each(40 * minuteMs, () => {
      world.isLedgerDown = !isOver;
      time.at(time.now() + minuteMs, () => {
        world.isLedgerDown = false;
      });
    });
  }
  if (plan.faults.has("shared-cache")) {
    each(2 * hourMs, () => {
      world.sharedCache.isDown = !isOver;
      time.at(time.now() + 3 * minuteMs, () => {
        world.sharedCache.isDown = false;
      });
    });
  }
  if (plan.faults.has("rotation")) {
    time.at(startMs + 90 * minuteMs, () => world.policySource.put(world.policy(world.keys.certificates)));
  }
  if (plan.faults.has("suspension")) {
    each(8 * minuteMs, () => {
      for (const [tenantId, sinceMs] of suspendedAtMs) if (time.now() - sinceMs >= hourMs) resume(tenantId);
      const tenantId = random.pick(world.tenants);
      if (!suspendedAtMs.has(tenantId)) suspendedAtMs.set(tenantId, time.now());
      world.suspensionsSource.put(
        suspended(...[...suspendedAtMs.keys()].map((id): ["tenant", Guid] => ["tenant", id])),
      );
    });
  }
  if (plan.faults.has("clock-a-day-ahead")) {
    time.at(startMs + 2 * hourMs, () => {
      const instance = random.pick(world.instances);
      if (!instance) return;
      void instance.audit(26 * hourMs).catch(() => undefined);
    });
  }

  await time.run(startMs + longestMs, () => world.signatures >= plan.signatures);
  isOver = true;
  const { signatures, violations } = world;
  if (signatures < plan.signatures) violations.push(`the fleet has made ${signatures} signatures and then no more`);
  const virtualHours = (time.now() - startMs) / hourMs;
  await time.run(time.now() + settleMs);
  return { ...judge(world), virtualHours, trace: world.trace() };
}

/** The world in which the thief plans: nothing of it happens once the fleet is at rest, so that all is looked at in the end. */
function untilOver(world: World, isOver: () => boolean): World {
  const at: World["time"]["at"] = (timeMs, work) =>
    world.time.at(timeMs, () => {
      if (!isOver()) work();
    });
  return { ...world, time: { ...world.time, at } };
}

/** A caller's request, and what must hold of its answer. */
async function request(
  instance: Instance,
  { time, violations, tenantOfToken }: World,
  tenantId: Guid,
  suspendedAtMs: ReadonlyMap<Guid, number>,
): Promise<void> {
  const { context, served } = instance;
  const beganMs = time.now();
  const cachedUntilMs = served.get(tenantId) ?? 0;
  const wasSuspended = suspendedAtMs.has(tenantId);
  try {
    const { clientId } = ids;
    const issued = await issueToken({ tenantId, clientId, scope: ids.graphScope, callerToken }, context);
    if (issued.ok) {
      const since = suspendedAtMs.get(tenantId);
      if (since !== undefined && beganMs > since + 60_000)
        violations.push(`a token was issued ${beganMs - since} ms after its tenant was suspended`);
      if (tenantOfToken.get(issued.value.accessToken) !== tenantId) violations.push("the token is another tenant's");
      served.set(tenantId, context.clock() + issued.value.expiresInSeconds * 1000);
      return;
    }
    if (!wasSuspended && cachedUntilMs > context.clock() + 1000)
      violations.push(`I3: a token was cached and the answer is ${issued.refusal.reason}`);
  } catch (error) {
    const code = error instanceof Fault ? error.code : String(error);
    if (!(error instanceof Fault)) violations.push(`unexpected: ${error instanceof Error ? error.stack : error}`);
    if (!wasSuspended && cachedUntilMs > context.clock() + 1000)
      violations.push(`I3: a token was cached and the answer is ${code}`);
  }
}
