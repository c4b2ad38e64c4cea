import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../local/stack/ports.ts";
import { startStack } from "../local/stack/stack.ts";
import { simulateQuarter } from "./ledger-throughput/distribution.ts";
import { measure } from "./ledger-throughput/measure.ts";
import { markdownOf, type Results } from "./ledger-throughput/report.ts";

/**
 * Measures how many signatures a second the ledger can record: `node bench/ledger-throughput.ts`. It takes about a
 * minute. Instances are separate processes with the product's ledger adapter. They write an intent, wait as long as a
 * signature takes, and write its outcome, into Azurite: first as fast as possible with sixteen in flight, then at a
 * constant rate, whatever the answers. The distribution over partitions is computed, and does not depend on the
 * machine.
 */
const seed = 20_270_101;
const signaturesPerSecond = 400;
const seconds = 20;
const instances = 4;
/** The time between intent and outcome, for vault and Entra. */
const signMs = 150;

const folder = await mkdtemp(join(tmpdir(), "keyhold-bench-"));
const stack = await startStack({ folder, ports: await freePorts(), startFunctions: false });
let results: Results;
try {
  const atATime = await measure(stack, { pace: { inFlight: 16 }, seconds: 6, instances, signMs: 0 });
  const constant = await measure(stack, { pace: { perSecond: signaturesPerSecond }, seconds, instances, signMs });
  const machine = `${availableParallelism()} cores, ${process.version}, ${process.platform}`;
  results = { seed, machine, atATime, constant, simulated: simulateQuarter(seed, signaturesPerSecond) };
} finally {
  await stack.stop();
  await rm(folder, { recursive: true, force: true });
}
const markdown = markdownOf(results);
const target = new URL("results/", import.meta.url);
mkdirSync(target, { recursive: true });
writeFileSync(new URL("ledger-throughput.json", target), `${JSON.stringify(results, undefined, 2)}\n`);
writeFileSync(new URL("ledger-throughput.md", target), markdown);
console.log(markdown);
