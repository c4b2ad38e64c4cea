/// <reference lib="dom" />
import { html } from "htm/preact";
import type { StackState } from "../snapshot.ts";

const shown = [
  ["key-vault", "Key Vault"],
  ["entra", "Entra"],
  ["storage", "Storage"],
] as const;

export function Header({ stack, isConnected }: { stack: StackState | undefined; isConnected: boolean }) {
  const isUp = stack?.phase === "up";
  return html`
    <header>
      <h1>Keyhold <span>local console</span></h1>
      ${
        isUp &&
        html`<ul class="services" aria-label="What runs">
        <${Service} name="Keyhold" running=${true} />
        ${shown.map(([id, name]) => html`<${Service} name=${name} running=${stack?.services[id] ?? false} />`)}
      </ul>`
      }
      ${!isConnected && stack && stack.phase !== "failed" && html`<p class="lost" role="alert">Not connected: does <code>npm start</code> still run?</p>`}
    </header>
  `;
}

function Service({ name, running }: { name: string; running: boolean }) {
  return html`<li class=${running ? "up" : "down"}>${name} <span>${running ? "up" : "down"}</span></li>`;
}

export function Starting({ stack }: { stack: StackState | undefined }) {
  if (stack?.phase === "failed") {
    return html`<section class="starting"><h2>It did not start</h2><pre>${stack.problem}</pre></section>`;
  }
  const steps = stack?.steps ?? [];
  return html`
    <section class="starting" aria-labelledby="starting">
      <h2 id="starting">${stack?.phase === "stopping" ? "Stopping" : "Starting"}</h2>
      <p>Vault, Entra and storage are emulated on this machine. A few seconds.</p>
      <ol>
        ${steps.map(
          ({ what, tookMs }) =>
            html`<li class=${tookMs === undefined ? "busy" : "done"}>
              ${what} <span class="number">${tookMs === undefined ? "…" : `${(tookMs / 1000).toFixed(1)} s`}</span>
            </li>`,
        )}
      </ol>
    </section>
  `;
}
