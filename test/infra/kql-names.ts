import { metricsOf } from "../../src/adapters/telemetry/metrics.ts";
import { metricNames } from "../../src/adapters/telemetry/names.ts";
import { eventNames, issued, samples } from "../unit/adapters/telemetry/telemetry-world.ts";
import { eventProperties } from "./event-properties.ts";

/** Names that a query compares `Name` with, and members of `Properties` that it reads. By text: queries are ours. */
export function namesIn(query: string): { names: string[]; properties: string[] } {
  const code = query.replace(/^\s*\/\/.*$/gm, "");
  const lists = [...code.matchAll(/\bName\s*(?:==|=~|in~?)\s*(\([^)]*\)|"[^"]*")/g)].map((match) => match[1] ?? "");
  const names = lists.flatMap((list) => [...list.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? ""));
  const properties = [...code.matchAll(/\bProperties(?:\.(\w+)|\["([^"]+)"\])/g)].map(
    (match) => match[1] ?? match[2] ?? "",
  );
  return { names: [...new Set(names)], properties: [...new Set(properties)] };
}

/** Metric to its dimensions, of what the samples of all events measure. */
const dimensionsOf = new Map<string, Set<string>>(metricNames.map((name) => [name, new Set()]));
for (const { metric, dimensions } of [...Object.values(samples), issued].flatMap(metricsOf)) {
  for (const dimension of Object.keys(dimensions)) dimensionsOf.get(metric)?.add(dimension);
}

/** What a query asks for that the app never sends. */
export function problemsOfNames(query: string): string[] {
  const { names, properties } = namesIn(query);
  const known = names.map((name) => knownProperties(name));
  const unknown = names.filter((_, index) => known[index] === undefined);
  const missing = properties.filter((property) => !known.some((set) => set?.has(property)));
  return [
    ...unknown.map((name) => `nothing is called ${name}`),
    ...(unknown.length === 0 ? missing.map((name) => `none of ${names.join(", ")} has ${name}`) : []),
  ];
}

function knownProperties(name: string): ReadonlySet<string> | undefined {
  if (!(eventNames as readonly string[]).includes(name)) return dimensionsOf.get(name);
  return eventProperties.get(name) ?? new Set();
}
