import { InvalidArgumentError } from "commander";
import { type Guid, parseGuid } from "../domain/shared/guid.ts";
import { CommandProblem } from "./command-problem.ts";

/** Parses what operators type. */

/**
 * The GUID that an option or argument named `where` must be.
 * @throws CommandProblem `usage` if it is not a GUID
 */
export function requireGuid(where: string, text: string): Guid {
  const id = parseGuid(text);
  if (id !== undefined) return id;
  throw new CommandProblem("usage", `${where} is not a GUID`, { where, remedy: "give its 36 characters" });
}

/** For commander: a whole number from 1 on. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a whole number from 1 on.");
}

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const age = /^(\d{1,6})([smhd])$/;
const iso = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** Parses a time, `24h` (ago) or ISO 8601, in UTC if it has no zone. Returns milliseconds since 1970. */
export function parseTime(option: string, text: string, nowMs: number): number {
  const ago = age.exec(text);
  const timeMs = ago ? nowMs - Number(ago[1]) * unitMs[ago[2] as keyof typeof unitMs] : parseIso(text);
  if (timeMs >= 0) return timeMs;
  throw new CommandProblem("usage", `${option} is not a time`, {
    where: option,
    remedy: "give an age (90s, 15m, 24h, 7d) or a time (2026-01-31 or 2026-01-31T12:00:00Z)",
  });
}

function parseIso(text: string): number {
  const match = iso.exec(text);
  if (!match || !isCalendarDay(text.slice(0, 10))) return Number.NaN;
  return Date.parse(match[1] !== undefined && match[4] === undefined ? `${text}Z` : text);
}

/** Whether the day exists. `Date` accepts 30 February as 2 March. */
function isCalendarDay(day: string): boolean {
  const timeMs = Date.parse(day);
  return !Number.isNaN(timeMs) && new Date(timeMs).toISOString().startsWith(day);
}
