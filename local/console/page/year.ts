/// <reference lib="dom" />
import { html } from "htm/preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import uPlot from "uplot";
import type { Year } from "../snapshot.ts";
import { axes, Chart, color } from "./chart.ts";
import { Choice } from "./choice.ts";
import { dayAndTime } from "./format.ts";
import { useFetched } from "./stream.ts";

const sizes = [
  ["large", "large: 0.8 a second"],
  ["medium", "medium: 12 in five minutes"],
  ["small", "small: 3 in five minutes"],
] as const;
const shownWindows = 4 * 288;
/** An hour per step. */
const turn = { windows: 12, everyMs: 50 };

export function YearReplay() {
  const [size, setSize] = useState<string>("medium");
  const [wanted, want] = useState(false);
  const year = useFetched<Year>(wanted ? `/year?key=${size}` : undefined);
  return html`
    <div class="year">
      <h3>A year in fast motion <span class="muted">synthetic traffic, evaluated by the product’s own baseline</span></h3>
      ${
        !wanted
          ? html`<p><button onClick=${() => want(true)}>Show the year</button></p>`
          : html`
          <${Choice} label="Key" inline=${true} value=${size} options=${sizes} onChoose=${setSize} />
          ${year ? html`<${Replay} key=${size} year=${year} />` : html`<p class="empty" role="status">Keyhold evaluates 105,120 windows, which takes about two seconds.</p>`}`
      }
    </div>
  `;
}

function Replay({ year }: { year: Year }) {
  const last = year.signs.length - 1;
  const [at, move] = useState(Math.min(last, (year.alarms[0]?.index ?? shownWindows) + 60));
  const [isPlaying, play] = useState(false);
  useEffect(() => {
    if (!isPlaying) return;
    const timer = setInterval(() => move((index) => Math.min(last, index + turn.windows)), turn.everyMs);
    return () => clearInterval(timer);
  }, [isPlaying, last]);
  useEffect(() => {
    if (at >= last) play(false);
  }, [at, last]);
  const toggle = () => {
    if (at >= last) move(0);
    play(at >= last || !isPlaying);
  };
  const jump = (index: number) => {
    play(false);
    move(Math.min(last, index + 60));
  };
  const data = useMemo(() => cut(year, at), [year, at]);
  const nowMs = year.fromMs + at * year.windowMs;
  const recent = year.alarms.filter(({ index }) => index <= at && index > at - shownWindows);
  return html`
    <div class="player">
      <button onClick=${toggle}>${isPlaying ? "Pause" : "Play"}</button>
      <label><span class="hidden">Time of the year</span>
        <input type="range" min="0" max=${last} step="12" value=${at} aria-valuetext=${dayAndTime(nowMs)}
          onInput=${(event: Event) => move(Number((event.currentTarget as HTMLInputElement).value))} />
      </label>
      <output class="number">${dayAndTime(nowMs)}</output>
    </div>
    <${Chart} data=${data} options=${options} height=${190} label=${`Signatures per window over four days before ${dayAndTime(nowMs)}, with ${recent.length} alarms`} />
    <p class="key"><span><i class="mark band"></i> usual</span> <span><i class="mark median"></i> median</span> <span><i class="mark vault"></i> signatures in five minutes</span> <span><i class="mark raised"></i> alarm</span></p>
    <ul class="jumps" aria-label="Alarms of the year">
      ${year.alarms.map(
        ({ index, verdict, about }) =>
          html`<li><button class="plain" onClick=${() => jump(index)}>
            <span class="number">${dayAndTime(year.fromMs + index * year.windowMs)}</span> ${verdict}</button> <span class="muted">${about}</span></li>`,
      )}
    </ul>
  `;
}

/** The four days that end here: time, low, high, median, signs, alarms. */
function cut(year: Year, at: number): uPlot.AlignedData {
  const from = Math.max(0, at - shownWindows);
  const indices = Array.from({ length: at - from + 1 }, (_, i) => from + i);
  const hourOf = (index: number) => Math.floor(index / 12);
  const alarms = new Set(year.alarms.map(({ index }) => index));
  return [
    indices.map((index) => (year.fromMs + index * year.windowMs) / 1000),
    indices.map((index) => year.bands.low[hourOf(index)] ?? 0),
    indices.map((index) => year.bands.high[hourOf(index)] ?? 0),
    indices.map((index) => year.bands.median[hourOf(index)] ?? 0),
    indices.map((index) => year.signs[index] ?? 0),
    indices.map((index) => (alarms.has(index) ? (year.signs[index] ?? 0) : null)),
  ];
}

const none = { points: { show: false }, width: 0 };
const options: Omit<uPlot.Options, "width" | "height"> = {
  cursor: { show: false },
  legend: { show: false },
  tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
  scales: { y: { range: (_, __, max) => [0, Math.max(5, max * 1.1)] } },
  axes: axes((splits) => splits.map((seconds) => dayAndTime(seconds * 1000).split(",")[0] ?? ""), 86_400),
  bands: [{ series: [2, 1], fill: () => color("band") }],
  series: [
    {},
    { ...none, label: "low" },
    { ...none, label: "high", stroke: () => color("band") },
    { ...none, label: "median", stroke: () => color("muted"), width: 1, dash: [3, 3] },
    { ...none, label: "signatures", stroke: () => color("accent"), width: 1.25 },
    {
      label: "alarm",
      stroke: () => color("bad"),
      width: 0,
      paths: () => null,
      points: { show: true, size: 9, width: 2, stroke: () => color("bad"), fill: () => color("surface") },
    },
  ],
};
