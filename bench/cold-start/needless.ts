import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Stack } from "../../local/stack/stack.ts";
import { startMeasured } from "../stand/instance.ts";
import { ownerOfPath } from "../stand/profile.ts";

export interface Needless {
  owner: string;
  loadedKb: number;
  /** Kilobytes in files of which no function ran between the start and the first token. */
  idleKb: number;
}

/**
 * Finds the packages that are loaded before the first token without being needed for it. The engine itself counts, on
 * the app without a bundle. What a module does while it is loaded counts as load, not as use.
 */
export async function needless(
  stack: Stack,
  unbundledRoot: string,
  firstToken: (url: string) => Promise<number>,
): Promise<Needless[]> {
  // No connection string: telemetry is loaded later, and would be counted only in some runs.
  const settings = { BENCH_COVERAGE: "1", APPLICATIONINSIGHTS_CONNECTION_STRING: "" };
  const instance = await startMeasured(stack, unbundledRoot, { settings });
  const loaded = await instance.agent.coverage();
  const status = await firstToken(instance.httpUrl);
  const needed = await instance.agent.coverage();
  await instance.stop();
  if (status !== 200) throw new Error(`the first token was answered with ${status}`);
  const byOwner = new Map<string, Needless>();
  for (const url of Object.keys(loaded)) {
    if (!url.startsWith("file:") || !url.includes("/node_modules/")) continue;
    const { size } = await stat(fileURLToPath(url));
    const owner = ownerOfPath(fileURLToPath(url));
    const sum = byOwner.get(owner) ?? { owner, loadedKb: 0, idleKb: 0 };
    sum.loadedKb += size / 1_000;
    if (!needed[url]) sum.idleKb += size / 1_000;
    byOwner.set(owner, sum);
  }
  return [...byOwner.values()].sort((a, b) => b.idleKb - a.idleKb);
}
