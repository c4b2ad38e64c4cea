import { copyFile } from "node:fs/promises";
import type { Stack } from "../../local/stack/stack.ts";
import * as world from "../../local/stack/world.ts";
import { alternate } from "../measure/alternate.ts";
import type { Options } from "../measure/options.ts";
import { startPlain } from "../stand/instance.ts";
import { type Load, load } from "../stand/load.ts";
import { askToken, tenantIdOf, tokenForm } from "../stand/world.ts";

const tenantCount = 100;
const connections = 8;

/** Mean milliseconds of a request for a cached token, measured in turns with few grants in the policy and with many. */
export async function measureGrants(
  stack: Stack,
  root: string,
  { quick }: Options,
): Promise<{ few: number[]; many: number[] }> {
  const [rounds, seconds] = quick ? [2, 1] : [7, 3];
  const callerToken = await stack.callerToken("billing");
  const start = async (grants: number) => {
    await stack.writePolicy(policyWith(stack, grants));
    const file = `${stack.folder}/policy-${grants}.json`;
    await copyFile(stack.policyFile, file);
    const instance = await startPlain(stack, root, { settings: { KEYHOLD_POLICY_FILE: file } });
    const { status } = await askToken(instance.httpUrl, tenantIdOf(1), callerToken);
    if (status !== 200) throw new Error(`with ${grants} grants the answer is ${status}`);
    return instance;
  };
  const [few, many] = [await start(10), await start(10_000)];
  const order = (url: string): Load => ({
    ...{
      url: `${url}/${tenantIdOf(1)}/oauth2/v2.0/token`,
      method: "POST",
      connections,
      seconds,
      body: `${tokenForm()}`,
    },
    headers: { authorization: `Bearer ${callerToken}`, "content-type": "application/x-www-form-urlencoded" },
  });
  const samples = await alternate(rounds, {
    few: async () => (await load(order(few.httpUrl))).meanMs,
    many: async () => (await load(order(many.httpUrl))).meanMs,
  });
  await few.stop();
  await many.stop();
  return samples;
}

/** A policy in which each of the grants gives one tenant to one caller. The last grant is the requested one. */
function policyWith(stack: Stack, grants: number): world.Policy {
  const policy = world.policyOf(stack.key, stack.publisher);
  const perCaller = Math.min(tenantCount, grants);
  const tenants = Array.from({ length: perCaller }, (_, i) => ({
    ...{ name: `tenant-${i + 1}`, tenantId: tenantIdOf(i + 1), state: "active" },
  }));
  const others = Array.from({ length: grants / perCaller - 1 }, (_, i) => ({
    name: `caller-${i + 1}`,
    tenantId: world.homeTenantId,
    objectId: `62000000-0000-4000-8000-${String(i + 1).padStart(12, "0")}`,
  }));
  const grant = (caller: string) => ({
    ...{ caller, client: world.client.name, scopes: [world.scopes.graph], issues: ["token"] },
    tenants: tenants.map(({ name }) => name),
  });
  policy.tenants.push(...tenants);
  policy.callers.push(...others);
  policy.grants = [...others.map(({ name }) => grant(name)), grant(world.callers.billing.name)];
  return policy;
}
