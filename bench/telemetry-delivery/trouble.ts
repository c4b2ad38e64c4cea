import { RestError } from "@azure/core-rest-pipeline";
import type { Tuning } from "../../src/adapters/telemetry/telemetry.ts";

export type HttpClient = NonNullable<Tuning["httpClient"]>;
type Answer = Awaited<ReturnType<HttpClient["sendRequest"]>>;

interface Item {
  data: { baseType: string; baseData: { name?: string; metrics?: { name: string; value: number }[] } };
}

/**
 * The result of a request to Application Insights at this many milliseconds after the start: a status, or no answer.
 */
type Behaviour = (ms: number) => number | "cut" | "hang";

export interface Trouble {
  what: string;
  /** The trouble ends here, and everything is accepted. */
  untilMs: number;
  behaviour: Behaviour;
  /** Until `untilMs` the identity has no token, or never answers. */
  identity?: "fails" | "hangs";
  /** Events in one turn of the event loop, instead of some each second. */
  burst?: number;
  /** The process is asked to end at this time, and has 3.5 s. */
  endsAtMs?: number;
}

const second = 1_000;
const minute = 60 * second;
const during =
  (fromMs: number, untilMs: number, status: ReturnType<Behaviour>): Behaviour =>
  (ms) =>
    ms >= fromMs && ms < untilMs ? status : 200;

export const troubles: readonly Trouble[] = [
  { what: "none", untilMs: 0, behaviour: () => 200 },
  { what: "none, 10 000 events in one turn", untilMs: 0, behaviour: () => 200, burst: 10_000 },
  {
    what: "206 for a minute: one record in ten is refused with 503",
    untilMs: minute,
    behaviour: during(0, minute, 206),
  },
  { what: "429 for a minute", untilMs: minute, behaviour: during(0, minute, 429) },
  { what: "503 for five minutes", untilMs: 5 * minute, behaviour: during(0, 5 * minute, 503) },
  { what: "503 for six minutes", untilMs: 6 * minute, behaviour: during(0, 6 * minute, 503) },
  { what: "503 for an hour", untilMs: 60 * minute, behaviour: during(0, 60 * minute, 503) },
  { what: "connections are cut for three minutes", untilMs: 3 * minute, behaviour: during(0, 3 * minute, "cut") },
  {
    what: "requests of the first two minutes never end",
    untilMs: 2 * minute,
    behaviour: during(0, 2 * minute, "hang"),
  },
  { what: "the identity has no token for three minutes", untilMs: 3 * minute, behaviour: () => 200, identity: "fails" },
  {
    what: "the identity does not answer for two minutes",
    untilMs: 2 * minute,
    behaviour: () => 200,
    identity: "hangs",
  },
  { what: "400 for a minute", untilMs: minute, behaviour: during(0, minute, 400) },
  { what: "the process ends", untilMs: 0, behaviour: () => 200, endsAtMs: 10 * second },
  {
    ...{ what: "the process ends, and 503 for the first second of that", untilMs: 11 * second, endsAtMs: 10 * second },
    behaviour: during(8 * second, 11 * second, 503),
  },
  {
    ...{ what: "the process ends, and the request under way hangs", untilMs: 10 * second, endsAtMs: 10 * second },
    behaviour: during(8 * second, 10 * second, "hang"),
  },
  {
    ...{ what: "the process ends, and 503 from 2 s before on", untilMs: 60 * minute, endsAtMs: 10 * second },
    behaviour: during(8 * second, 60 * minute, 503),
  },
];

/** Application Insights within this process: what it accepted, by name, and the losses that were reported to it. */
export function createIngestion(behaviour: Behaviour, sinceStartMs: () => number) {
  const taken = new Map<string, number>();
  const firstTakenMs: number[] = [];
  let lost = 0;
  const take = (items: readonly Item[]) => {
    for (const { data } of items) {
      const { name = "", metrics = [] } = data.baseData;
      if (data.baseType === "EventData") {
        taken.set(name, (taken.get(name) ?? 0) + 1);
        firstTakenMs.push(sinceStartMs());
      }
      for (const metric of metrics) if (metric.name === "keyhold.telemetry.lost") lost = Math.max(lost, metric.value);
    }
  };
  const httpClient: HttpClient = {
    async sendRequest(request) {
      const outcome = behaviour(sinceStartMs());
      if (outcome === "cut") throw new RestError("reset", { code: "REQUEST_SEND_ERROR", request });
      if (outcome === "hang") return endless(request.abortSignal);
      const items = JSON.parse(String(request.body)) as Item[];
      const refused = items
        .map((_, index) => index)
        .filter((index) => outcome !== 200 && (outcome !== 206 || index % 10 === 0));
      take(items.filter((_, index) => !refused.includes(index)));
      const errors = refused.map((index) => ({ index, statusCode: outcome === 206 ? 503 : outcome, message: "busy" }));
      const body = { itemsReceived: items.length, itemsAccepted: items.length - refused.length, errors };
      const headers = { get: () => undefined, has: () => false, toJSON: () => ({}) };
      return { request, status: outcome, headers, bodyAsText: JSON.stringify(body) } as unknown as Answer;
    },
  };
  return { httpClient, taken, takenMs: firstTakenMs, lost: () => lost };
}

function endless(signal: { addEventListener(name: "abort", heard: () => void): void } | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(Object.assign(new Error("aborted"), { name: "AbortError" })));
  });
}
