/** Reads the state of the running stack twice a second, and sends changes to the page. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseNotes } from "../../../src/adapters/policy/notes.ts";
import type { StoredEnvelope } from "../../emulators/azure-monitor/emulator.ts";
import type { Stack } from "../../stack/stack.ts";
import { choices } from "../choices.ts";
import type { Live } from "../live.ts";
import { readRunbook } from "../runbook.ts";
import { createAlarms } from "./alarms.ts";
import { readCertificates } from "./certificates.ts";
import { type LoggedEvent, tailLog } from "./log-tail.ts";
import { readMetadata } from "./metadata.ts";
import { createRequests } from "./requests.ts";
import { liveRate } from "./sign-rate.ts";
import { joinLogs, type LedgerEntity } from "./signatures.ts";
import { hasOpen, recentLedger, recentLog } from "./two-logs.ts";

/** The reasons for acknowledged findings, by the ids of the findings, from the document stored beside the policy. */
async function readNotes(policyFile: string): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(policyFile.replace(/\.json$/, ".findings.json"), "utf8").catch(() => undefined);
  const notes = text === undefined ? undefined : parseNotes(text);
  return new Map(
    notes === undefined || Array.isArray(notes) ? [] : notes.acknowledgements.map(({ id, reason }) => [id, reason]),
  );
}

export interface Watching {
  stop(): void;
  /** Reads now, without waiting for the next turn. */
  look(): Promise<void>;
  /** Adds an event that is not in Keyhold's log: one of an audit whose clock was ahead. */
  event(facts: Record<string, unknown> & { event: string }, aheadMinutes?: number): void;
  eventsSince(timeMs: number): readonly LoggedEvent[];
}

const everyMs = 500;
/** How often to read state without notifications, such as a registration changed at Entra. */
const slowMs = 5_000;
const patienceMs = 2_000;
const keptEvents = 500;
/** The maximum read at once: more spans than the requests on the page have. */
const maxTelemetry = 2_000;

export async function watchStack(
  stack: Stack,
  live: Live,
  sinceMs: number,
  onServices: (services: Record<string, boolean>) => void,
): Promise<Watching> {
  const runbook = await readRunbook();
  const alarms = createAlarms((section) => runbook[section]?.severity ?? 2);
  const requests = createRequests();
  const recent: LoggedEvent[] = [];
  const readLog = tailLog(join(stack.folder, "functions.log"), sinceMs);
  let lastTaken: StoredEnvelope | undefined;
  let ledger: LedgerEntity[] = [];
  let lastRequestId: string | undefined;
  let slowAtMs = 0;
  let looking: Promise<void> | undefined;
  let services: Record<string, boolean> = {};

  async function look(): Promise<void> {
    const nowMs = Date.now();
    const events = await readLog();
    recent.push(...events);
    recent.splice(0, Math.max(0, recent.length - keptEvents));
    for (const event of events) alarms.take(event, Date.parse(event.time));
    requests.take(events, newTelemetry());
    live.set("alarms", alarms.rows(await readNotes(stack.policyFile)));
    live.set("rate", liveRate(stack.keyVault.audit, nowMs));
    const signal = AbortSignal.timeout(patienceMs);
    services = (await (await fetch(`${stack.controlUrl}/stack/services`, { signal })).json()) as typeof services;
    onServices(services);
    const isSlow = nowMs - slowAtMs >= slowMs;
    // The vault's log must be read first: see joinLogs.
    const log = recentLog(stack);
    const hasNews = events.length > 0 || log.at(-1)?.CorrelationId !== lastRequestId || hasOpen(ledger);
    if (services.storage && (hasNews || isSlow)) {
      ledger = await recentLedger(stack, log, nowMs, signal);
      lastRequestId = log.at(-1)?.CorrelationId;
    }
    live.set("signatures", joinLogs(ledger, log));
    live.set("requests", requests.rows(ledger));
    const isTold = events.some(({ event }) => /^(metadata|credential|policy|suspensions)/.test(event));
    if (!services.storage || (!isTold && !isSlow)) return;
    slowAtMs = nowMs;
    live.set("keys", await readMetadata(stack, signal));
    live.set("certificates", await readCertificates(stack, signal));
    live.set("choices", await choices(stack));
  }

  /** The emulator drops its oldest entries, so positions in its list change. */
  function newTelemetry(): StoredEnvelope[] {
    const { telemetry } = stack.monitor;
    const from = lastTaken === undefined ? 0 : telemetry.lastIndexOf(lastTaken) + 1;
    lastTaken = telemetry.at(-1);
    return telemetry.slice(Math.max(from, telemetry.length - maxTelemetry));
  }

  /** A part that is down cannot be read. The page keeps its last state and shows what is down. */
  const lookOnce = () => {
    looking ??= look()
      .catch(() => {})
      .finally(() => {
        looking = undefined;
      });
    return looking;
  };
  const timer = setInterval(lookOnce, everyMs);
  await lookOnce();
  return {
    stop: () => clearInterval(timer),
    async look() {
      await looking;
      slowAtMs = 0;
      await lookOnce();
    },
    event(facts, aheadMinutes) {
      alarms.take(facts, Date.now(), aheadMinutes);
      live.set("alarms", alarms.rows());
    },
    eventsSince: (timeMs) => recent.filter(({ time }) => Date.parse(time) >= timeMs),
  };
}
