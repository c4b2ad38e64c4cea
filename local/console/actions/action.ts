/** The action of a button: its input, and its work, which reports progress. */
import type { z } from "zod";
import type { Stack } from "../../stack/stack.ts";
import type { LoggedEvent } from "../watch/log-tail.ts";

export interface ActionContext {
  stack: Stack;
  /** Aborted when the stack stops. */
  signal: AbortSignal;
  say(line: string): void;
  /** Passes on an event of an audit whose clock was ahead. */
  event(facts: Record<string, unknown> & { event: string }, aheadMinutes?: number): void;
  /** The events that Keyhold has logged since this time. */
  eventsSince(timeMs: number): readonly LoggedEvent[];
}

export interface Action {
  input: z.ZodType;
  /** Actions of the same kind do not run at the same time. Absent: the action's own name. */
  kind?: string;
  title(input: unknown): string;
  run(input: unknown, context: ActionContext): Promise<void>;
}

/** Checking the input gives `title` and `run` their types. */
export function action<T>(of: {
  input: z.ZodType<T>;
  kind?: string;
  title(input: T): string;
  run(input: T, context: ActionContext): Promise<void>;
}): Action {
  return of as unknown as Action;
}

/** @throws Error with the message of the control interface. */
export async function control(stack: Stack, method: string, path: string, body?: unknown): Promise<unknown> {
  const init = { method, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const response = await fetch(`${stack.controlUrl}${path}`, init);
  const value = response.status === 204 ? undefined : await response.json();
  if (!response.ok)
    throw new Error((value as { error?: string }).error ?? `the control interface says ${response.status}`);
  return value;
}

/** Runs one of the app's timer functions now. */
export async function runTimer(stack: Stack, name: string): Promise<void> {
  const response = await fetch(`${stack.functions.httpUrl}/admin/functions/${name}?wait=true`, { method: "POST" });
  if (!response.ok) throw new Error(`${name} answered ${response.status}`);
}
