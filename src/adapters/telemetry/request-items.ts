import type { AzureMonitorOpenTelemetryOptions } from "@azure/monitor-opentelemetry";

/** A request of the exporter: a JSON array of envelopes. Application Insights may accept some and reject others. */
export type ExporterOptions = NonNullable<AzureMonitorOpenTelemetryOptions["azureMonitorExporterOptions"]>;
export type PolicyConfig = NonNullable<ExporterOptions["additionalPolicies"]>[number];
export type Request = Parameters<PolicyConfig["policy"]["sendRequest"]>[0];
export type Send = Parameters<PolicyConfig["policy"]["sendRequest"]>[1];
export type Answer = Awaited<ReturnType<Send>>;

/** The status codes of a single record that the exporter also treats as temporary. */
const transient = new Set([401, 403, 408, 429, 439, 500, 502, 503, 504]);

interface Item {
  data?: { baseType?: string };
}

interface ItemError {
  index: number;
  statusCode: number;
}

/** A partly accepted request. `left`: the indexes, in the exporter's request, of the records that were not accepted. */
export interface PartlyTaken {
  answer: Answer;
  left: number[];
}

/** The number of events among the request's records. */
export function countEvents(request: Request): number {
  return eventsAmong(itemsOf(request));
}

/** An answer that makes the exporter keep the remaining records on disk. */
export function leftAnswer({ answer, left }: PartlyTaken): Answer {
  const errors = left.map((index) => ({ index, statusCode: 503, message: "not taken" }));
  return { ...answer, bodyAsText: JSON.stringify({ errors }) };
}

function itemsOf({ body }: Request): Item[] {
  return JSON.parse(String(body)) as Item[];
}

function eventsAmong(items: readonly (Item | undefined)[]): number {
  return items.filter((item) => item?.data?.baseType === "EventData").length;
}

function errorsIn({ bodyAsText }: Answer): ItemError[] {
  try {
    return (JSON.parse(bodyAsText ?? "") as { errors?: ItemError[] }).errors ?? [];
  } catch {
    return [];
  }
}

/** Reduces the request to the records that may be accepted later. `lost` gets the number of events that will not be. */
export function keepLeft(
  request: Request,
  answer: Answer,
  before: PartlyTaken | undefined,
  lost: (events: number) => void,
): PartlyTaken {
  const items = itemsOf(request);
  const errors = errorsIn(answer);
  const forGood = errors.filter(({ statusCode }) => !transient.has(statusCode));
  lost(eventsAmong(forGood.map(({ index }) => items[index])));
  const left = errors.filter(({ statusCode }) => transient.has(statusCode)).map(({ index }) => index);
  request.body = JSON.stringify(left.map((index) => items[index]));
  request.headers.delete("content-length");
  return { answer, left: left.map((index) => before?.left[index] ?? index) };
}
