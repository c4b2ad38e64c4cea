/// <reference lib="dom" />
import { html } from "htm/preact";
import type { Call, RequestRow } from "../snapshot.ts";
import { answerOf, clock, resource, words } from "./format.ts";

/** Lanes from left to right; an arrow goes from the middle of one to the middle of another. */
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
  const { caller, tenant, timeMs, durationMs, calls } = request;
  const outsideMs = (calls ?? []).reduce((sum, { tookMs }) => sum + tookMs, 0);
  return html`
    <figure class="sequence" aria-label=${`How ${caller} was answered at ${clock(timeMs)}`}>
      <figcaption>
        <strong>${caller || "somebody"}</strong> for <strong>${tenant}</strong>, ${clock(timeMs)}:
        ${" "}<span class=${`answer ${answerOf(request)}`}>${answerOf(request)}</span> in
        ${" "}<span class="number">${durationMs} ms</span>${outsideMs > 0 && html`, of which <span class="number">${outsideMs} ms</span> outside Keyhold`}
      </figcaption>
      <div class="lanes" aria-hidden="true">${lanes.map((lane) => html`<span>${lane}</span>`)}</div>
      <div class="diagram">
      <div class="lives" aria-hidden="true">${lanes.map(() => html`<i></i>`)}</div>
      <ol class="steps">
        ${stepsOf(request).map(
          ({ from, to, text, note, kind }) => html`
            <li class=${`step span-${Math.min(from, to)}-${Math.max(from, to)} ${from < to ? "right" : "left"} ${kind}`}>
              <span class="hidden">${lanes[from - 1]} to ${lanes[to - 1]}: </span>
              <span class="text">${text}</span> ${note && html`<span class="note">${note}</span>`}
            </li>
          `,
        )}
      </ol>
      </div>
    </figure>
  `;
}

function stepsOf(request: RequestRow): Step[] {
  const { scope, outcome, cached, calls, reason, operation } = request;
  const asked: Step = { from: 1, to: 2, text: operation, note: resource(scope), kind: "" };
  const called = (calls ?? []).map(({ to, tookMs, error }): Step => {
    const step = { from: 2, to: laneOf[to], text: texts[to], note: `${tookMs} ms`, kind: to as string };
    return error === undefined ? step : { ...step, note: `${words(error)}, ${tookMs} ms`, kind: "bad" };
  });
  const answered: Step = { from: 2, to: 1, text: operation === "assertion" ? "assertion" : "token", kind: "good" };
  if (outcome === "issued") return [asked, ...called, { ...answered, ...(cached && { note: "from the cache" }) }];
  return [asked, ...called, { ...answered, text: outcome, note: words(reason ?? ""), kind: "bad" }];
}
