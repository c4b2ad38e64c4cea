/// <reference lib="dom" />
import { html, render } from "htm/preact";
import type { Snapshot } from "../snapshot.ts";
import { AlarmBar, Alarms } from "./alarms.ts";
import { Certificates } from "./certificates.ts";
import { Keys } from "./keys.ts";
import { Rate } from "./rate.ts";
import { Requests } from "./requests.ts";
import { Announcements } from "./runs.ts";
import { Signatures } from "./signatures.ts";
import { Header, Starting } from "./stack.ts";
import { useNow, useSnapshot } from "./stream.ts";
import { Try } from "./try.ts";

const parts = [
  ["requests", "Requests"],
  ["logs", "Two logs"],
  ["alarms", "Alarms"],
  ["rate", "Sign rate"],
  ["keys", "Keys"],
  ["certificates", "Certificates"],
] as const;

function App() {
  const { state, isConnected } = useSnapshot();
  const now = useNow();
  const isUp = state.stack?.phase === "up";
  const alarms = state.alarms?.length ?? 0;
  return html`
    <a class="skip" href="#main">Skip to what happens</a>
    <${Header} stack=${state.stack} isConnected=${isConnected} />
    ${isUp && html`<nav aria-label="Parts of this page"><ul>${parts.map(([id, name]) => html`<li><a href=${`#${id}`}>${name}</a>${id === "alarms" && alarms > 0 && html` <span class="count">${alarms}</span>`}</li>`)}</ul></nav>`}
    ${isUp ? html`<${Running} state=${state} now=${now} />` : html`<main id="main"><${Starting} stack=${state.stack} /></main>`}
    <${Announcements} runs=${state.runs ?? []} alarms=${state.alarms ?? []} />
  `;
}

function Running({ state, now }: { state: Partial<Snapshot>; now: number }) {
  const {
    stack,
    choices,
    requests = [],
    signatures = [],
    rate,
    keys,
    certificates = [],
    alarms = [],
    runs = [],
  } = state;
  return html`
    <div class="page">
      <${Try} choices=${choices} services=${stack?.services ?? {}} runs=${runs} />
      <main id="main" tabindex="-1">
        <${AlarmBar} alarms=${alarms} />
        <${Requests} requests=${requests} />
        <${Signatures} signatures=${signatures} />
        <${Alarms} alarms=${alarms} commands=${choices?.commands ?? {}} runs=${runs} now=${now} />
        <${Rate} rate=${rate} />
        <${Keys} keys=${keys} now=${now} />
        <${Certificates} certificates=${certificates} now=${now} />
      </main>
    </div>
    <footer>A development tool on this machine. Nothing here is in Azure, and nothing of it is deployed.</footer>
  `;
}

const root = document.getElementById("app");
if (root) render(html`<${App} />`, root);
