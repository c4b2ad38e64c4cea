/**
 * Schedules of timer triggers: six fields (second, minute, hour, day, month, day of week) of `*`, numbers, ranges,
 * steps and lists, read as UTC. Names of months and days, five-field schedules and time spans are not supported.
 */
const fields = [
  { name: "second", min: 0, max: 59 },
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day", min: 1, max: 31 },
  { name: "month", min: 1, max: 12 },
  { name: "day of week", min: 0, max: 6 },
] as const;

type Field = (typeof fields)[number];

export interface Schedule {
  /** The values of the six fields, in order. */
  allowed: [Set<number>, Set<number>, Set<number>, Set<number>, Set<number>, Set<number>];
}

/** 29 February falls on a given day of the week at least once in 40 years. */
const searchYears = 40;

export function parseSchedule(expression: string): Schedule {
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== fields.length) throw new Error(`the schedule "${expression}" does not have six fields`);
  const allowed = fields.map((field, index) => {
    const values = (parts[index] as string).split(",").flatMap((item) => parseItem(item, field));
    if (values.length === 0) throw new Error(`the schedule "${expression}" has no valid ${field.name}`);
    return new Set(values);
  });
  return { allowed: allowed as Schedule["allowed"] };
}

/** The values of one item of a list; empty if the item is not valid. */
function parseItem(item: string, { min, max }: Field): number[] {
  const groups = /^(?:(?<all>\*)|(?<from>\d+)(?:-(?<to>\d+))?)(?:\/(?<step>\d+))?$/.exec(item)?.groups;
  if (!groups) return [];
  const step = groups.step === undefined ? 1 : Number(groups.step);
  const from = groups.all ? min : Number(groups.from);
  const single = groups.step === undefined ? from : max;
  const to = groups.all ? max : groups.to === undefined ? single : Number(groups.to);
  if (step < 1 || from < min || to > max || from > to) return [];
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}

/** The first time of the schedule after `after`; undefined if there is none. */
export function nextOccurrence({ allowed }: Schedule, after: Date): Date | undefined {
  const [seconds, minutes, hours, days, months, weekdays] = allowed;
  const at = new Date(Math.floor(after.getTime() / 1000) * 1000 + 1000);
  const end = after.getUTCFullYear() + searchYears;
  while (at.getUTCFullYear() <= end) {
    if (!months.has(at.getUTCMonth() + 1)) at.setTime(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1));
    else if (!days.has(at.getUTCDate()) || !weekdays.has(at.getUTCDay())) at.setUTCHours(24, 0, 0);
    else if (!hours.has(at.getUTCHours())) at.setUTCHours(at.getUTCHours() + 1, 0, 0);
    else if (!minutes.has(at.getUTCMinutes())) at.setUTCMinutes(at.getUTCMinutes() + 1, 0);
    else if (!seconds.has(at.getUTCSeconds())) at.setUTCSeconds(at.getUTCSeconds() + 1);
    else return at;
  }
  return undefined;
}
