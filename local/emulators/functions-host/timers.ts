/**
 * Runs timer triggers on their schedules, each at most once at a time. Nothing is stored: runs that were missed while
 * the host was down are not repeated, and `isPastDue` is always false.
 */
import type { App, RegisteredFunction } from "./core-api.ts";
import type { Invoker } from "./invoke.ts";
import { nextOccurrence, parseSchedule, type Schedule } from "./ncrontab.ts";

export interface Timers {
  /** `again`: this worker replaces another one, so nothing runs because of the start. */
  start(options?: { again: boolean }): void;
  /** Runs a timer now; resolves to whether it succeeded. Undefined if the function is not a timer. */
  run(name: string): Promise<boolean> | undefined;
  stop(): void;
}

interface Timer {
  fn: RegisteredFunction;
  schedule: Schedule;
  monitored: boolean;
  runOnStartup: boolean;
  last: Date | undefined;
  /** The latest run. The next one waits for it. */
  latestRun: Promise<boolean>;
  handle: NodeJS.Timeout | undefined;
}

const longestTimeoutMs = 2 ** 31 - 1;

export function createTimers(app: App, invoker: Invoker): Timers {
  const timers = new Map<string, Timer>();
  for (const fn of app.functions.values()) {
    const timer = createTimer(fn);
    if (timer) timers.set(fn.metadata.name, timer);
  }

  function run(timer: Timer, next: Date | undefined): Promise<boolean> {
    timer.latestRun = timer.latestRun.then(async () => {
      const outcome = await invoker.invoke(timer.fn, { json: timerArgument(timer, next) });
      return outcome !== undefined;
    });
    return timer.latestRun;
  }

  function scheduleNext(timer: Timer, after: Date): void {
    const due = nextOccurrence(timer.schedule, after);
    if (due) wait(timer, due);
  }

  function wait(timer: Timer, due: Date): void {
    const delay = due.getTime() - Date.now();
    const onElapsed = () => {
      if (delay > longestTimeoutMs) return wait(timer, due);
      void runOnSchedule(timer, due).then(() => {
        // A timeout may fire slightly early; the same occurrence must not run twice.
        if (timer.handle) scheduleNext(timer, new Date(Math.max(Date.now(), due.getTime())));
      });
    };
    timer.handle = setTimeout(onElapsed, Math.min(delay, longestTimeoutMs)).unref();
  }

  async function runOnSchedule(timer: Timer, due: Date | undefined): Promise<void> {
    const startedAt = new Date();
    await run(timer, due ?? nextOccurrence(timer.schedule, startedAt));
    timer.last = startedAt;
  }

  return {
    start: ({ again } = { again: false }) => {
      for (const timer of timers.values()) {
        if (isDisabled(timer.fn.metadata.name)) continue;
        scheduleNext(timer, new Date());
        if (timer.runOnStartup && !again) void runOnSchedule(timer, undefined);
      }
    },
    run: (name) => {
      const timer = timers.get(name);
      return timer && run(timer, nextOccurrence(timer.schedule, new Date()));
    },
    stop: () => {
      for (const timer of timers.values()) {
        clearTimeout(timer.handle);
        timer.handle = undefined;
      }
    },
  };
}

function createTimer(fn: RegisteredFunction): Timer | undefined {
  const { binding } = fn.trigger;
  if (binding.type.toLowerCase() !== "timertrigger") return undefined;
  const schedule = parseSchedule(resolveSettings(binding.schedule ?? ""));
  return {
    fn,
    schedule,
    // As in Azure, a schedule with more than one run per minute has no status.
    monitored: binding.useMonitor !== false && schedule.allowed[0].size === 1,
    runOnStartup: binding.runOnStartup === true,
    last: undefined,
    latestRun: Promise.resolve(true),
    handle: undefined,
  };
}

/** Whether the function is disabled. It then has no schedule, but an administrator can still run it, as in Azure. */
function isDisabled(name: string): boolean {
  return /^(true|1)$/i.test(process.env[`AzureWebJobs.${name}.Disabled`] ?? "");
}

/** Replaces %NAME% with the app setting of that name. */
export function resolveSettings(text: string): string {
  return text.replace(/%([^%\s]+)%/g, (_, name: string) => {
    const value = process.env[name];
    if (value === undefined) throw new Error(`a schedule names the setting ${name}, which is not set`);
    return value;
  });
}

function timerArgument({ monitored, last }: Timer, next: Date | undefined): string {
  const lastRun = last ? formatDate(last) : "0001-01-01T00:00:00+00:00";
  const status = { Last: lastRun, Next: next && formatDate(next), LastUpdated: lastRun };
  return JSON.stringify({
    Schedule: { AdjustForDST: true },
    ScheduleStatus: monitored ? status : null,
    IsPastDue: false,
  });
}

function formatDate(date: Date): string {
  return date.toISOString().replace("Z", "+00:00");
}
