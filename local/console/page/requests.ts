/// <reference lib="dom" />
import { html } from "htm/preact";
import { useState } from "preact/hooks";
import type { Call, RequestRow } from "../snapshot.ts";
import { answerOf, clock, resource, waitsOf, words } from "./format.ts";
import { Sequence } from "./sequence.ts";

const shown = 8;

export function Requests({ requests }: { requests: RequestRow[] }) {
  const [chosen, choose] = useState<string>();
  const current = requests.find(({ id }) => id === chosen) ?? requests[0];
  const rows = requests.slice(0, shown);
  return html`
    <section id="requests" aria-labelledby="requests-heading">
      <h2 id="requests-heading">How a token was issued</h2>
      <p class="lead">
        Who asked, what Keyhold did about it, and where the time went. A token that is cached needs no signature.
      </p>
      ${current ? html`<${Sequence} request=${current} />` : html`<p class="empty">Nobody has asked yet. <strong>Ask for a token</strong>, under “Try it”.</p>`}
      ${
        rows.length > 0 &&
        html`<div class="scroll" tabindex="0" role="group" aria-label="The last requests">
          <table class="requests">
            <caption class="hidden">The last requests, the newest first</caption>
            <thead>
              <tr>
                <th scope="col">Time</th><th scope="col">Caller</th><th scope="col">Tenant</th>
                <th scope="col" class="extra">Resource</th><th scope="col">Answer</th>
                <th scope="col" class="wide extra">Where the time went</th>
                <th scope="col" class="number extra">Ledger</th><th scope="col" class="number extra">Vault</th>
                <th scope="col" class="number extra">Entra</th><th scope="col" class="number extra">All, ms</th>
              </tr>
            </thead>
            <tbody>
              ${rows.map((row) => html`<${Row} key=${row.id} row=${row} isChosen=${row === current} onChoose=${() => choose(row.id)} />`)}
            </tbody>
          </table>
        </div>
        <p class="key">
          <span><i class="mark ledger"></i> ledger</span> <span><i class="mark vault"></i> vault</span> <span><i class="mark entra"></i> Entra</span>
          <span><i class="mark own"></i> Keyhold itself</span> <span><i class="mark waiting"></i> waiting between attempts</span>
        </p>`
      }
    </section>
  `;
}

interface RowProps {
  row: RequestRow;
  isChosen: boolean;
  onChoose(): void;
}

function Row({ row, isChosen, onChoose }: RowProps) {
  const { timeMs, caller, tenant, scope, operation, durationMs, calls = [] } = row;
  return html`
    <tr class=${isChosen ? "chosen" : ""} data-request=${row.id}>
      <td class="number">
        <button class="link" aria-pressed=${isChosen} onClick=${onChoose}>${clock(timeMs)}</button>
      </td>
      <td>${caller || html`<span class="muted">not told</span>`}</td>
      <td>${tenant}</td>
      <td class="extra">${resource(scope) || html`<span class="muted">${operation}</span>`}</td>
      <td><${Answer} row=${row} /></td>
      <td class="wide extra"><${TimeBar} calls=${calls} durationMs=${durationMs} /></td>
      ${targets.map((to) => html`<td class="number extra">${timeIn(calls, to)}</td>`)}
      <td class="number extra">${durationMs}</td>
    </tr>
  `;
}

function Answer({ row }: { row: RequestRow }) {
  const answer = answerOf(row);
  return html`<span class=${`answer ${answer}`}>${answer}</span>${row.reason && html` <span class="reason">${words(row.reason)}</span>`}`;
}

const targets = ["ledger", "vault", "entra"] as const;

function timeIn(calls: readonly Call[], target: Call["to"]): string {
  const own = calls.filter(({ to }) => to === target);
  return own.length === 0 ? "" : String(own.reduce((sum, { tookMs }) => sum + tookMs, 0));
}

/** A bar for each call from its start to its end. The numbers beside it show the duration. */
function TimeBar({ calls, durationMs }: { calls: Call[]; durationMs: number }) {
  const waits = [...waitsOf(calls)];
  const text = calls.map(({ to, tookMs }, i) => `${waitText(waits, i)}${to} ${tookMs} ms`).join(", ");
  const share = (ms: number) => (100 * ms) / Math.max(1, durationMs);
  return html`
    <svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=${text || "Keyhold alone"}>
      <rect class="own" x="0" y="3.5" height="3" width="100" />
      ${calls.map(({ to, fromMs, tookMs }) => html`<rect class=${to} x=${share(fromMs)} y="0" height="10" width=${share(tookMs)} />`)}
      ${waits.map(([, { fromMs, tookMs }]) => html`<line class="waiting" x1=${share(fromMs)} x2=${share(fromMs + tookMs)} y1="5" y2="5" />`)}
    </svg>
  `;
}

function waitText(waits: readonly [number, { tookMs: number }][], index: number): string {
  const wait = waits.find(([i]) => i === index)?.[1];
  return wait ? `waiting ${wait.tookMs} ms, ` : "";
}
