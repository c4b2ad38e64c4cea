/**
 * The hooks of an app. They run in the order of their registration. The log hooks see every record before it is
 * written. A hook that throws stops the operation it belongs to, except a log hook.
 */
import { writeLog } from "./log.ts";
import type { LogCategory, LogLevel } from "./rpc-types.ts";

export const hookNames = ["appStart", "appTerminate", "preInvocation", "postInvocation", "log"] as const;
type HookName = (typeof hookNames)[number];
export type HookCallback = (context: object) => unknown;

/** The hooks that an app has registered, and the data that they share. */
export interface Hooked {
  hooks: Record<HookName, HookCallback[]>;
  /** Shared by all hooks of the app. */
  appHookData: Record<string, unknown>;
}

export async function runHooks(app: Pick<Hooked, "hooks">, name: HookName, context: object): Promise<void> {
  for (const hook of app.hooks[name]) await hook(context);
}

interface LogRecord {
  level: LogLevel;
  category: LogCategory;
  message: string;
  function?: string;
  invocationId?: string;
}

/** Writes a log record. Hooks may first change what the app itself logged, but not what the system logged. */
export function logThroughHooks(
  app: Hooked,
  record: LogRecord,
  hookData: object = {},
  invocationContext?: unknown,
): void {
  if (app.hooks.log.length > 0) {
    const { level, category, message } = record;
    const context = { level, category, message, hookData, appHookData: app.appHookData, invocationContext };
    try {
      for (const hook of app.hooks.log) hook(context);
      if (category === "user") record = { ...record, level: context.level, message: context.message };
    } catch {
      // A failing hook must not swallow the record.
    }
  }
  if (record.level !== "none") writeLog("stdout", record);
}
