import type { Stack } from "../../local/stack.ts";
import { type MeasuredInstance, startMeasured } from "../stand/instance.ts";
import { type Load, load } from "../stand/load.ts";
import { bundleOf, type Share, timeByOwner } from "../stand/profile.ts";

/** Microseconds of processor time for one request, all threads. */
export interface Cost {
  user: number;
  system: number;
}

export interface Anatomy {
  costs: [name: string, cost: Cost][];
  shares: Share[];
}

/**
 * What a cached token costs in processor time, and for what: by leaving parts out, and by a profile. On instances of
 * their own, since watching slows down what is watched.
 */
export async function dissect(
  stack: Stack,
  roots: { hello: string; keyhold: string; readable: string },
  tokenLoadFor: (url: string) => Load,
): Promise<Anatomy> {
  const costs: Anatomy["costs"] = [];
  const hello = await startMeasured(stack, roots.hello);
  const sameBytes = tokenLoadFor(hello.httpUrl);
  const { connections, seconds } = sameBytes;
  costs.push(["hello", await costOf(hello, { url: `${hello.httpUrl}/hello`, connections, seconds })]);
  costs.push(["hello, same bytes", await costOf(hello, { ...sameBytes, url: `${hello.httpUrl}/sameBytes` })]);
  await hello.stop();

  const noTelemetry = { APPLICATIONINSIGHTS_CONNECTION_STRING: "" };
  const variants: [string, Record<string, string>][] = [
    ["Keyhold without telemetry and log", { ...noTelemetry, BENCH_NO_LOG: "1" }],
    ["Keyhold without telemetry", noTelemetry],
    ["Keyhold without log", { BENCH_NO_LOG: "1" }],
    ["Keyhold", {}],
  ];
  for (const [name, settings] of variants) {
    const instance = await startMeasured(stack, roots.keyhold, { settings });
    costs.push([name, await costOf(instance, tokenLoadFor(instance.httpUrl))]);
    await instance.stop();
  }

  const readable = await startMeasured(stack, roots.readable);
  const tokenLoad = tokenLoadFor(readable.httpUrl);
  await load(tokenLoad);
  const profile = await readable.agent.profile(() => load(tokenLoad));
  await readable.stop();
  return { costs, shares: await timeByOwner(profile, bundleOf(roots.readable)) };
}

async function costOf({ agent }: MeasuredInstance, order: Load): Promise<Cost> {
  await load({ ...order, seconds: Math.min(2, order.seconds) });
  const before = await agent.cpu();
  const { requestsPerSecond } = await load(order);
  const after = await agent.cpu();
  const requests = requestsPerSecond * order.seconds;
  return { user: (after.user - before.user) / requests, system: (after.system - before.system) / requests };
}
