import type { Stack } from "../../local/stack/stack.ts";
import { alternate } from "../measure/alternate.ts";
import { median } from "../measure/statistics.ts";
import { type MeasuredInstance, startMeasured } from "../stand/instance.ts";
import { type Load, load } from "../stand/load.ts";
import { timeByOwner } from "../stand/profile.ts";
import { sameBytesPath } from "../stand/same-bytes.ts";

/** Microseconds of processor time per request, all threads. */
export interface Cost {
  user: number;
  system: number;
}

export interface Anatomy {
  /** One entry per round. */
  costs: Record<string, Cost[]>;
  /** Microseconds of the main thread per request, by owner. */
  owners: { owner: string; sameBytes: number; keyhold: number }[];
}

export interface Roots {
  hello: string;
  modernHello: string;
  keyhold: string;
  readable: { hello: string; keyhold: string };
}

/**
 * Measures the processor time of a cached token and how it divides: by leaving parts out, and by profiles of Keyhold
 * and of hello with the same bytes. It uses instances of its own, because profiling slows down what it observes.
 */
export async function dissect(
  stack: Stack,
  roots: Roots,
  { rounds, warmUpSeconds }: { rounds: number; warmUpSeconds: number },
  tokenLoadFor: (url: string) => Load,
): Promise<Anatomy> {
  const sameBytesOf = (url: string): Load => ({ ...tokenLoadFor(url), url: `${url}${sameBytesPath}` });
  const helloOf = (url: string): Load => {
    const { connections, seconds } = tokenLoadFor(url);
    return { url: `${url}/hello`, connections, seconds };
  };
  const instances: MeasuredInstance[] = [];
  const startWarm = async (root: string, settings: Record<string, string>, loadsFor: ((url: string) => Load)[]) => {
    const instance = await startMeasured(stack, root, { settings });
    instances.push(instance);
    for (const loadFor of loadsFor) await load({ ...loadFor(instance.httpUrl), seconds: warmUpSeconds });
    return instance;
  };
  const stopAll = async () => {
    for (const instance of instances.splice(0)) await instance.stop();
  };

  const hello = await startWarm(roots.hello, {}, [helloOf, sameBytesOf]);
  const subjects: Record<string, () => Promise<Cost>> = {
    hello: () => costOf(hello, helloOf(hello.httpUrl)),
    "hello, same bytes": () => costOf(hello, sameBytesOf(hello.httpUrl)),
  };
  const modernHello = await startWarm(roots.modernHello, {}, [sameBytesOf]);
  subjects["hello, same bytes, built as Keyhold is"] = () => costOf(modernHello, sameBytesOf(modernHello.httpUrl));
  const noTelemetry = { APPLICATIONINSIGHTS_CONNECTION_STRING: "" };
  const variants: Record<string, Record<string, string>> = {
    "Keyhold without telemetry and log": { ...noTelemetry, BENCH_NO_LOG: "1" },
    "Keyhold without telemetry": noTelemetry,
    "Keyhold without log": { BENCH_NO_LOG: "1" },
    Keyhold: {},
  };
  for (const [name, settings] of Object.entries(variants)) {
    const instance = await startWarm(roots.keyhold, settings, [tokenLoadFor]);
    subjects[name] = () => costOf(instance, tokenLoadFor(instance.httpUrl));
  }
  const costs = await alternate(rounds, subjects);
  await stopAll();

  const readable = {
    sameBytes: await startWarm(roots.readable.hello, {}, [sameBytesOf]),
    keyhold: await startWarm(roots.readable.keyhold, {}, [tokenLoadFor]),
  };
  const profiles = await alternate(rounds, {
    sameBytes: () => profileOf(readable.sameBytes, sameBytesOf(readable.sameBytes.httpUrl), roots.readable.hello),
    keyhold: () => profileOf(readable.keyhold, tokenLoadFor(readable.keyhold.httpUrl), roots.readable.keyhold),
  });
  await stopAll();
  const names = new Set(Object.values(profiles).flatMap((all) => all.flatMap((spent) => [...spent.keys()])));
  const ownedBy = (owner: string, all: Map<string, number>[]) => median(all.map((spent) => spent.get(owner) ?? 0));
  const owners = [...names].map((owner) => {
    return { owner, sameBytes: ownedBy(owner, profiles.sameBytes), keyhold: ownedBy(owner, profiles.keyhold) };
  });
  return { costs, owners: owners.sort((a, b) => b.keyhold - a.keyhold) };
}

/** Microseconds per request, by owner. */
async function profileOf({ agent }: MeasuredInstance, order: Load, root: string): Promise<Map<string, number>> {
  let requests = 0;
  const profile = await agent.profile(async () => {
    requests = (await load(order)).requestsPerSecond * order.seconds;
  });
  return new Map([...(await timeByOwner(profile, root))].map(([owner, spent]) => [owner, spent / requests]));
}

async function costOf({ agent }: MeasuredInstance, order: Load): Promise<Cost> {
  const before = await agent.cpu();
  const { requestsPerSecond } = await load(order);
  const after = await agent.cpu();
  const requests = requestsPerSecond * order.seconds;
  return { user: (after.user - before.user) / requests, system: (after.system - before.system) / requests };
}
