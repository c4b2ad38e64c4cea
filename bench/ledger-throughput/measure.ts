import { fork } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import type { Stack } from "../../local/stack/stack.ts";
import { partitionOf } from "../../src/adapters/storage/ledger-partition.ts";
import { type Guid, parseGuid } from "../../src/domain/shared/guid.ts";
import { timeOfLedgerId } from "../../src/domain/signing/ledger-id.ts";
import { type Cells, countWrite, type Distribution, distributionOf } from "./distribution.ts";
import type { InstanceOrder, InstanceReport } from "./instance.ts";

export interface Load extends Pick<InstanceOrder, "seconds" | "signMs"> {
  instances: number;
  /** The pace of all instances together. */
  pace: InstanceOrder["pace"];
}

export interface Measured extends Load {
  /**
   * Signatures that were attempted, those whose intent was stored, and those whose outcome is in the table at the end.
   */
  tried: number;
  intents: number;
  outcomes: number;
  /** Outcomes whose writing was given up. Their intents stay open. */
  lost: number;
  /** Signatures a second that have both rows, until the last one was stored. */
  reachedPerSecond: number;
  tookSeconds: number;
  /** How long a caller waits for the intent, in milliseconds. */
  intentMs: { median: number; p99: number; worst: number };
  /** The greatest delay of an instance in keeping the rate, in milliseconds. */
  behindMs: number;
  /** Processor seconds of the instances, and of everything else on the machine: Azurite and unrelated processes. */
  instancesCpuSeconds: number;
  otherCpuSeconds: number;
  /** Processor milliseconds of an instance per signature (both rows). */
  cpuMsPerSignature: number;
  cores: number;
  /** The size of the largest stored row as JSON, in bytes. */
  rowBytes: number;
  distribution: Distribution;
}

const local = (file: string) => fileURLToPath(new URL(`../../local/${file}`, import.meta.url));

export async function measure(stack: Stack, load: Load): Promise<Measured> {
  const settings = stack.settings(stack.ports.https);
  const tableHost = new URL(settings.KEYHOLD_LEDGER_TABLE_URL ?? "").host;
  const order: InstanceOrder = {
    url: settings.KEYHOLD_LEDGER_TABLE_URL ?? "",
    clientId: settings.KEYHOLD_STORAGE_IDENTITY_CLIENT_ID ?? "",
    pace: shareOf(load),
    seconds: load.seconds,
    signMs: load.signMs,
  };
  const env = {
    ...process.env,
    ...settings,
    NODE_EXTRA_CA_CERTS: stack.authority.certificateFile,
    LOCAL_ROUTES: JSON.stringify({ ...stack.routes, [tableHost]: stack.storage.azuriteTablePort }),
  };
  const busyBefore = busySeconds();
  const reports = await Promise.all(Array.from({ length: load.instances }, () => runInstance(order, env)));
  const busy = busySeconds() - busyBefore;

  const sum = (of: (report: InstanceReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  const stored = new Set(reports.flatMap((report) => report.stored));
  const rows = (await stack.storage.ledgerRows()).filter(({ rowKey }) => stored.has(String(rowKey)));
  const outcomes = rows.filter(({ outcome }) => outcome === "issued").length;
  const waits = reports.flatMap(({ intentMs }) => intentMs).sort((a, b) => a - b);
  const at = (part: number) => round(waits[Math.min(waits.length - 1, Math.floor(part * waits.length))] ?? Number.NaN);
  const tookSeconds = Math.max(...reports.map(({ tookMs }) => tookMs)) / 1_000;
  const instancesCpuSeconds = sum(({ cpuSeconds }) => cpuSeconds);
  return {
    ...load,
    tried: stored.size + sum(({ failed }) => failed),
    intents: rows.length,
    outcomes,
    lost: sum(({ lost }) => lost),
    reachedPerSecond: round(outcomes / tookSeconds),
    tookSeconds: round(tookSeconds),
    intentMs: { median: at(0.5), p99: at(0.99), worst: at(1) },
    behindMs: round(Math.max(...reports.map(({ behindMs }) => behindMs))),
    instancesCpuSeconds: round(instancesCpuSeconds),
    cpuMsPerSignature: round((1_000 * instancesCpuSeconds) / outcomes),
    otherCpuSeconds: round(busy - instancesCpuSeconds),
    cores: cpus().length,
    rowBytes: Math.max(...rows.map((row) => JSON.stringify(row).length)),
    distribution: distributionOfRows([...stored], load),
  };
}

function shareOf({ pace, instances }: Load): InstanceOrder["pace"] {
  return "perSecond" in pace ? { perSecond: pace.perSecond / instances } : { inFlight: pace.inFlight / instances };
}

async function runInstance(order: InstanceOrder, env: NodeJS.ProcessEnv): Promise<InstanceReport> {
  const file = fileURLToPath(new URL("instance.ts", import.meta.url));
  const execArgv = ["--import", local("stack/network/redirect.ts")];
  const child = fork(file, [JSON.stringify(order)], { env, execArgv });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`an instance ended with ${code}`);
  });
  ended.catch(() => undefined);
  const [report] = (await Promise.race([once(child, "message"), ended])) as [InstanceReport];
  return report;
}

function distributionOfRows(ids: readonly string[], { seconds, signMs }: Load): Distribution {
  const cells: Cells = new Map();
  for (const id of ids.map((text) => parseGuid(text) as Guid)) {
    const timeMs = timeOfLedgerId(id);
    for (const writtenMs of [timeMs, timeMs + signMs]) {
      countWrite(cells, Math.floor(writtenMs / 1_000), partitionOf(id));
    }
  }
  return distributionOf(cells, ids.length, seconds);
}

/** Busy seconds of all cores and processes. */
function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1_000;
}

function round(n: number): number {
  return Math.round(n * 10) / 10;
}
