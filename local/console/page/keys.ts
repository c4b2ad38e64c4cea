/// <reference lib="dom" />
import { html } from "htm/preact";
import type { KeyRow, MetadataSourceRow, MetadataState } from "../snapshot.ts";
import { ago, clock } from "./format.ts";

/** The minimum length of a time line, so that keys of the first minutes do not look wider than their duration. */
const leastSpanMs = 300_000;
const labels: Record<KeyRow["state"], string> = {
  announced: "announced",
  active: "signs now",
  published: "published",
  retired: "gone",
};

export function Keys({ keys, now }: { keys: MetadataState | undefined; now: number }) {
  const { provider = [], sources = [] } = keys ?? {};
  return html`
    <section id="keys" aria-labelledby="keys-heading">
      <h2 id="keys-heading">Entra’s keys, as Keyhold keeps them</h2>
      <p class="lead">
        What is verified stays in use when the provider changes its keys, lies, or is gone. The provider publishes now:
        ${" "}${provider.map(({ kid, active }, i) => html`${i > 0 && ", "}<span class="mono">${kid.slice(0, 8)}</span>${active && " (signs)"}`)}.
      </p>
      ${sources.length === 0 && html`<p class="empty">Nothing verified yet: the first caller’s token, or the hourly timer, sees to it.</p>`}
      ${sources.map((source) => html`<${Source} key=${source.name} source=${source} now=${now} />`)}
    </section>
  `;
}

function Source({
  source: { name, verifiedAtMs, changedAtMs, keys },
  now,
}: {
  source: MetadataSourceRow;
  now: number;
}) {
  const fromMs = Math.min(now - leastSpanMs, ...keys.map(({ firstSeenMs }) => firstSeenMs));
  const at = (timeMs: number) => (100 * (timeMs - fromMs)) / (now - fromMs);
  return html`
    <div class="source">
      <h3>${name} <span class="muted number">last known good of ${clock(changedAtMs)}, confirmed ${ago(verifiedAtMs, now)}</span></h3>
      <ul class="keys">
        ${keys.map(
          (key) => html`
            <li class=${key.state}>
              <span class="mono">${key.kid.slice(0, 8)}</span>
              <${TimeLine} row=${key} at=${at} now=${now} />
              <span class="state">${labels[key.state]}</span>
            </li>
          `,
        )}
      </ul>
    </div>
  `;
}

function TimeLine({ row, at, now }: { row: KeyRow; at: (timeMs: number) => number; now: number }) {
  const { firstSeenMs, firstUsedMs, removedMs, state } = row;
  const endMs = removedMs ?? now;
  const usedMs = firstUsedMs ?? (state === "announced" ? endMs : firstSeenMs);
  const about = `first seen ${clock(firstSeenMs)}${removedMs === undefined ? "" : `, gone since ${clock(removedMs)}`}`;
  return html`
    <svg class="line" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=${about}>
      <rect class="track" x="0" y="4.5" width="100" height="1" />
      <rect class="seen" x=${at(firstSeenMs)} y="2" width=${Math.max(0.6, at(endMs) - at(firstSeenMs))} height="6" />
      <rect class="used" x=${at(usedMs)} y="2" width=${Math.max(0, at(endMs) - at(usedMs))} height="6" />
    </svg>
  `;
}
