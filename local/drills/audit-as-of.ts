/**
 * Runs the audit of the local stack as of a later time: the product's own code, in a process whose clock is ahead, with
 * the clock of the vault's log moved ahead as well. The vault's log needs a quarter of an hour to settle, which is too
 * long to wait for in a drill.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export interface AuditEnvironment {
  settings: Record<string, string>;
  routes: Record<string, number>;
  caFile: string;
  /** URL of the stack's control server. */
  control: string;
}

export type LoggedEvent = Record<string, unknown> & { event: string };

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/**
 * Returns the events of the audit. A run that the instance's own timer overtakes stops without an event, and is
 * repeated.
 */
export async function runAuditAsOf(aheadMs: number, environment: AuditEnvironment): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  for (let i = 0; i < 3 && !events.some(({ event }) => event === "sign_audit_finished"); i++) {
    const lines = (await run(environment, aheadMs, "audit-once.ts")).split("\n");
    events.push(...lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as LoggedEvent));
  }
  return events;
}

/**
 * Prepares an audit separate from that of the timer: new tables, and `usualSigns` per window for eight weeks (0: none),
 * up to the window that starts at `firstMs` (milliseconds since 1970; default: the current window).
 */
export async function prepareAudit(
  environment: AuditEnvironment,
  usualSigns: number,
  firstMs = Date.now(),
): Promise<AuditEnvironment> {
  const { origin } = new URL(environment.settings.KEYHOLD_AUDIT_TABLE_URL ?? "");
  const table = `${origin}/audit${Date.now()}`;
  const own = { ...environment, settings: { ...environment.settings, KEYHOLD_AUDIT_TABLE_URL: table } };
  await run(own, 0, "audit-prepare.ts", `${usualSigns}`, `${firstMs}`);
  return own;
}

async function run(
  { settings, routes, caFile, control }: AuditEnvironment,
  aheadMs: number,
  file: string,
  ...args: string[]
): Promise<string> {
  const preloads = ["--import", path("../stack/network/redirect.ts"), "--import", path("../stack/network/clock.ts")];
  const setLogClock = (ms: number) =>
    fetch(`${control}/azure-monitor/log`, { method: "PUT", body: JSON.stringify({ aheadMs: ms }) });
  await setLogClock(aheadMs);
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [...preloads, path(file), ...args], {
      env: {
        PATH: process.env.PATH,
        NODE_EXTRA_CA_CERTS: caFile,
        LOCAL_ROUTES: JSON.stringify(routes),
        LOCAL_CLOCK_AHEAD_MS: `${aheadMs}`,
        ...settings,
      },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } finally {
    await setLogClock(0);
  }
}
