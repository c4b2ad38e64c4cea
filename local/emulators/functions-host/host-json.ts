/** The members of host.json that this host uses. */
export interface HostJson {
  /** `hh:mm:ss`, optionally with days before a dot; -1: no limit. */
  functionTimeout?: string;
  extensions?: { http?: { routePrefix?: string; maxConcurrentRequests?: number; maxOutstandingRequests?: number } };
}

/** The default of the Flex Consumption plan (learn.microsoft.com, function app timeout duration). */
const defaultFunctionTimeoutMs = 30 * 60_000;

/** Milliseconds; undefined if there is no limit. @throws Error if it is not a time span. */
export function functionTimeoutMs({ functionTimeout }: HostJson): number | undefined {
  if (functionTimeout === undefined) return defaultFunctionTimeoutMs;
  if (functionTimeout === "-1") return undefined;
  const parts = /^(?:(?<days>\d+)\.)?(?<hours>\d\d):(?<minutes>\d\d):(?<seconds>\d\d)$/.exec(functionTimeout)?.groups;
  if (!parts) throw new Error(`host.json: functionTimeout "${functionTimeout}" must be hh:mm:ss or -1`);
  const hours = Number(parts.days ?? 0) * 24 + Number(parts.hours);
  return ((hours * 60 + Number(parts.minutes)) * 60 + Number(parts.seconds)) * 1000;
}
