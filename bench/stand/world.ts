import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../local/stack/ports.ts";
import { type Stack, type StackOptions, startStack } from "../../local/stack/stack.ts";
import * as world from "../../local/stack/world.ts";

/** Budgets and caches large enough not to affect what is measured. */
export const unlimited = {
  KEYHOLD_MINTS_PER_MINUTE: "60000",
  KEYHOLD_MINTS_PER_MINUTE_PER_CALLER: "60000",
};

/** A stack without an instance and a folder for the apps, both for the duration of `use`. */
export async function withStack<T>(
  use: (stack: Stack, folder: string) => Promise<T>,
  options: Partial<StackOptions> = {},
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "keyhold-bench-"));
  const ports = await freePorts();
  // This timer runs twice a minute, and signs.
  const disabledTimers = ["checkMetadata"];
  const fixed = { folder: join(folder, "stack"), ports, startFunctions: false, disabledTimers };
  const stack = await startStack({ ...fixed, ...options });
  try {
    return await use(stack, folder);
  } finally {
    await stack.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

export function tenantIdOf(number: number): string {
  return `42000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

/** Adds customers that have consented, in Entra and in the policy. Returns the policy, which is also written. */
export async function addTenants(stack: Stack, count: number): Promise<{ tenantIds: string[]; policy: world.Policy }> {
  const policy = world.policyOf(stack.key, stack.publisher);
  const tenantIds = Array.from({ length: count }, (_, i) => tenantIdOf(i + 1));
  for (const [i, tenantId] of tenantIds.entries()) {
    policy.tenants.push({ name: `tenant-${i + 1}`, tenantId, state: "active" });
    stack.entra.grantConsent(tenantId, world.client.clientId);
  }
  await stack.writePolicy(policy);
  return { tenantIds, policy };
}

export interface Asked {
  status: number;
  milliseconds: number;
  body: Record<string, unknown>;
}

/** One token request over HTTP on loopback. In Azure, too, TLS ends before the host. */
export async function askToken(url: string, tenantId: string, callerToken: string): Promise<Asked> {
  const startedMs = performance.now();
  const response = await fetch(`${url}/${tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    headers: { authorization: `Bearer ${callerToken}` },
    body: tokenForm(),
  });
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, milliseconds: performance.now() - startedMs, body };
}

export function tokenForm(): URLSearchParams {
  return new URLSearchParams({
    grant_type: "client_credentials",
    client_id: world.client.clientId,
    scope: world.scopes.graph,
  });
}

/** Calls `work` for 0 to count - 1, `atATime` at a time. */
export async function inParallel<T>(count: number, atATime: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const loop = async () => {
    while (next < count) {
      const index = next++;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, count) }, loop));
  return results;
}
