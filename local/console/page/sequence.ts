/// <reference lib="dom" />
import { html } from "htm/preact";
import type { Call, RequestRow } from "../snapshot.ts";
import { Copy } from "./copy.ts";
import { answerOf, clock, resource, waitsOf, words } from "./format.ts";

/** Lanes from left to right. An arrow connects the centres of two lanes. */
const lanes = ["Caller", "Keyhold", "Ledger", "Key Vault", "Entra"] as const;
const laneOf: Record<Call["to"], number> = { ledger: 3, vault: 4, entra: 5 };
const texts: Record<Call["to"], string> = {
  ledger: "intent, before",
  vault: "sign this SHA\u2011256",
  entra: "client assertion",
};

interface Step {
  from: number;
  to: number;
  text: string;
  note?: string;
  kind: string;
}

export function Sequence({ request }: { request: RequestRow }) {
  const { id, caller, tenant, scope, timeMs, durationMs, calls } = request;
  const outsideMs = (calls ?? []).reduce((sum, { tookMs }) => sum + tookMs, 0);
  return html`
    <figure class="sequence" aria-label=${`How ${caller} was answered at ${clock(timeMs)}`}>
      <figcaption>
        <strong>${caller || "somebody"}</strong> for <strong>${tenant}</strong><span class="narrow"> (${resource(scope)})</span>, ${clock(timeMs)}:
        ${" "}<span class=${`answer ${answerOf(request)}`}>${answerOf(request)}</span> in
        ${" "}<span class="number">${durationMs} ms</span>${outsideMs > 0 && html`, of which <span class="number">${outsideMs} ms</span> outside Keyhold`}.
        ${" "}<span class="muted">Correlation id <${Copy} text=${id} what="correlation id" length=${36} /></span>
      </figcaption>
      <div class="lanes" aria-hidden="true">${lanes.map((lane) => html`<span>${lane}</span>`)}</div>
      <div class="diagram">
      <div class="lives" aria-hidden="true">${lanes.map(() => html`<i></i>`)}</div>
      <ol class="steps">
        ${stepsOf(request).map(
          ({ from, to, text, note, kind }) => html`
            <li class=${`step span-${Math.min(from, to)}-${Math.max(from, to)} ${directionOf(from, to)} ${kind}`}>
              <span class="hidden">${from === to ? lanes[from - 1] : `${lanes[from - 1]} to ${lanes[to - 1]}`}: </span>
              <span class="text">${text}</span> ${note && html`<span class="note">${note}</span>`}
            </li>
          `,
        )}
      </ol>
      </div>
    </figure>
  `;
}

function directionOf(from: number, to: number): string {
  if (from === to) return "itself";
  return from < to ? "right" : "left";
}

function stepsOf(request: RequestRow): Step[] {
  const { scope, outcome, cached, calls, reason, operation } = request;
  const asked: Step = { from: 1, to: 2, text: operation, note: resource(scope), kind: "asked" };
  const waits = waitsOf(calls ?? []);
  const called = (calls ?? []).flatMap(({ to, tookMs, error }, i): Step[] => {
    const step = { from: 2, to: laneOf[to], text: texts[to], note: `${tookMs} ms`, kind: to as string };
    const call = error === undefined ? step : { ...step, note: `${words(error)}, ${tookMs} ms`, kind: "bad" };
    const wait = waits.get(i);
    if (!wait) return [call];
    return [{ from: 2, to: 2, text: "waits", note: `${wait.tookMs} ms`, kind: "wait" }, call];
  });
  const answered: Step = { from: 2, to: 1, text: operation === "assertion" ? "assertion" : "token", kind: "good" };
  if (outcome === "issued") return [asked, ...called, { ...answered, ...(cached && { note: "cached" }) }];
  return [asked, ...called, { ...answered, text: outcome, note: words(reason ?? ""), kind: "bad" }];
}
