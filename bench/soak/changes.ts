import { setTimeout as sleep } from "node:timers/promises";
import type { FunctionsInstance } from "../../local/stack/functions-instance.ts";
import type { Stack } from "../../local/stack/stack.ts";
import * as world from "../../local/stack/world.ts";
import type { Clocks } from "./clocks.ts";
import type { ChangeKind } from "./plan.ts";
import type { CallerTokens } from "./traffic.ts";
import type { Truth } from "./truth.ts";

/** Makes changes to the policy and to the provider's keys under load. */
export interface Changes {
  make(kind: ChangeKind): Promise<void>;
  callers(): CallerTokens;
  readonly done: Record<ChangeKind, number>;
  /** Milliseconds from each write of the policy until it was in force. */
  readonly applyMs: number[];
}

export interface ChangesOptions {
  stack: Stack;
  instance: FunctionsInstance;
  policy: world.Policy;
  /** Names of tenants that may be suspended temporarily. */
  suspendable: readonly string[];
  truth: Truth;
  clocks: Clocks;
  /** A policy is read again after 30 s; a short run moves the clock forward by this much to see it. 0: wait. */
  advanceMs: number;
}

export async function createChanges(options: ChangesOptions): Promise<Changes> {
  const { stack, instance, policy, suspendable, truth, clocks, advanceMs } = options;
  const done: Changes["done"] = { suspend: 0, resume: 0, "key announced": 0, "key without notice": 0 };
  const applyMs: number[] = [];
  const suspended: string[] = [];
  let callers = await fetchCallers(stack);
  const renewCallers = async () => {
    // The token is valid only if both clocks agree.
    while (clocks.isSkewed()) await sleep(100);
    callers = await fetchCallers(stack);
  };

  async function setState(name: string, isActive: boolean): Promise<void> {
    const tenant = policy.tenants.find((one) => one.name === name);
    if (!tenant) throw new Error(`no tenant ${name}`);
    const appliedBefore = countApplied(instance);
    tenant.state = isActive ? "active" : "suspended";
    // Recorded before the write, because the policy may come into force at once.
    const writtenMs = clocks.now();
    const change = truth.changePolicy(tenant.tenantId, isActive, writtenMs);
    await stack.writePolicy(policy);
    if (advanceMs > 0) await clocks.advance(advanceMs);
    while (countApplied(instance) === appliedBefore) await sleep(50);
    change.applied(clocks.now());
    applyMs.push(clocks.now() - writtenMs);
  }

  /** Announces a key, runs the timer that reads it, and only then uses it. */
  async function announceKey(): Promise<void> {
    const kid = await stack.entra.announceKey();
    for (let tries = 0; !(await publishedBy(instance)).includes(kid); tries++) {
      if (tries === 20) throw new Error("an announced key was not picked up");
      await fetch(`${instance.httpUrl}/admin/functions/refreshMetadata?wait=true`, { method: "POST" });
    }
    stack.entra.activateKey(kid);
    await renewCallers();
  }

  return {
    done,
    applyMs,
    callers: () => callers,
    async make(kind) {
      if (kind === "suspend") {
        const name = suspendable[(done.suspend + suspended.length) % suspendable.length] ?? "";
        suspended.push(name);
        await setState(name, false);
      } else if (kind === "resume") {
        const name = suspended.shift();
        if (name !== undefined) await setState(name, true);
      } else if (kind === "key announced") await announceKey();
      else {
        stack.entra.activateKey(await stack.entra.announceKey());
        await renewCallers();
      }
      done[kind] += 1;
    },
  };
}

/** Valid for a day, as for managed identities, however short the lifetime of customers' tokens is. */
async function fetchCallers({ entra }: Stack): Promise<CallerTokens> {
  const tokenOf = ({ clientId, objectId }: { clientId: string; objectId: string }) => {
    const claims = {
      azp: clientId,
      oid: objectId,
      sub: objectId,
      aud: world.keyholdAudience,
      roles: [world.callerRole],
    };
    return entra.issueToken(claims, { expiresInSeconds: 86_400 });
  };
  const { billing, sync, visitor } = world.callers;
  return { billing: await tokenOf(billing), sync: await tokenOf(sync), visitor: await tokenOf(visitor) };
}

function countApplied(instance: FunctionsInstance): number {
  return instance.output().split('"policy_applied"').length;
}

async function publishedBy(instance: FunctionsInstance): Promise<string[]> {
  const response = await fetch(`${instance.httpUrl}/${world.homeTenantId}/discovery/v2.0/keys`);
  if (response.status !== 200) return [];
  return ((await response.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
}
