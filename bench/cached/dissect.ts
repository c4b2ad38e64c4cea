import type { Stack } from "../../local/stack.ts";
import { alternate } from "../measure/alternate.ts";
import { type MeasuredInstance, startMeasured } from "../stand/instance.ts";
import { type Load, load } from "../stand/load.ts";
import { timeByOwner } from "../stand/profile.ts";

/** Microseconds of processor time for one request, all threads. */
export interface Cost {
  user: number;
  system: number;
}

export interface Anatomy {
  /** Round by round. */
  costs: Record<string, Cost[]>;
  /** Microseconds of the main thread for one request, by who spent them. */
  owners: { owner: string; sameBytes: number; keyhold: number }[];
}

export interface Roots {
  hello: string;
  keyhold: string;
  readable: { hello: string; keyhold: string };
}

/**
 * What a cached token costs in processor time, and for what: by leaving parts out, and by profiles of Keyhold and of
 * hello with the same bytes. On instances of their own, since watching slows down what is watched.
 */
export async function dissect(
  stack: Stack,
  roots: Roots,
  rounds: number,
  tokenLoadFor: (url: string) => Load,
): Promise<Anatomy> {
  const sameBytesOf = (url: string): Load => ({ ...tokenLoadFor(url), url: `${url}/sameBytes` });
  const helloOf = (url: string): Load => {
    const { connections, seconds } = tokenLoadFor(url);
    return { url: `${url}/hello`, connections, seconds };
  };
  const noTelemetry = { APPLICATIONINSIGHTS_CONNECTION_STRING: "" };
  const hello = await startMeasured(stack, roots.hello);
  const subjects: Record<string, () => Promise<Cost>> = {
    hello: () => costOf(hello, helloOf(hello.httpUrl)),
    "hello, same bytes": () => costOf(hello, sameBytesOf(hello.httpUrl)),
  };
  const variants: Record<string, Record<string, string>> = {
    "Keyhold without telemetry and log": { ...noTelemetry, BENCH_NO_LOG: "1" },
    "Keyhold without telemetry": noTelemetry,
    "Keyhold without log": { BENCH_NO_LOG: "1" },
    Keyhold: {},
  };
  const instances = [hello];
  for (const [name, settings] of Object.entries(variants)) {
    const instance = await startMeasured(stack, roots.keyhold, { settings });
    instances.push(instance);
    subjects[name] = () => costOf(instance, tokenLoadFor(instance.httpUrl));
  }
  const costs = await alternate(rounds, subjects);
  for (const instance of instances) await instance.stop();

  const sameBytes = await profiled(stack, roots.readable.hello, sameBytesOf);
  const keyhold = await profiled(stack, roots.readable.keyhold, tokenLoadFor);
  const names = [...new Set([...keyhold.keys(), ...sameBytes.keys()])];
  const owners = names.map((owner) => {
    return { owner, sameBytes: sameBytes.get(owner) ?? 0, keyhold: keyhold.get(owner) ?? 0 };
  });
  return { costs, owners: owners.sort((a, b) => b.keyhold - a.keyhold) };
}

async function profiled(stack: Stack, root: string, loadFor: (url: string) => Load): Promise<Map<string, number>> {
  const instance = await startMeasured(stack, root);
  const order = loadFor(instance.httpUrl);
  await load(order);
  let requests = 0;
  const profile = await instance.agent.profile(async () => {
    requests = (await load(order)).requestsPerSecond * order.seconds;
  });
  await instance.stop();
  return new Map([...(await timeByOwner(profile, root))].map(([owner, spent]) => [owner, spent / requests]));
}

async function costOf({ agent }: MeasuredInstance, order: Load): Promise<Cost> {
  const before = await agent.cpu();
  const { requestsPerSecond } = await load(order);
  const after = await agent.cpu();
  const requests = requestsPerSecond * order.seconds;
  return { user: (after.user - before.user) / requests, system: (after.system - before.system) / requests };
}
