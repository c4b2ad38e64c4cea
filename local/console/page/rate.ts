/// <reference lib="dom" />
import { html } from "htm/preact";
import { useMemo } from "preact/hooks";
import uPlot from "uplot";
import type { LiveRate } from "../snapshot.ts";
import { axes, Chart, color } from "./chart.ts";
import { clock } from "./format.ts";
import { YearReplay } from "./year.ts";

export function Rate({ rate }: { rate: LiveRate | undefined }) {
  return html`
    <section id="rate" aria-labelledby="rate-heading">
      <h2 id="rate-heading">How often the key signs</h2>
      ${rate && html`<${Now} rate=${rate} />`}
      <${YearReplay} />
    </section>
  `;
}

const bars = uPlot.paths.bars?.({ size: [0.8, 12], align: 1 });
const options: Omit<uPlot.Options, "width" | "height"> = {
  cursor: { show: false },
  legend: { show: false },
  scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(5, max * 1.15)] } },
  axes: axes((splits) => splits.map((seconds) => clock(seconds * 1000).slice(0, 5))),
  series: [
    {},
    {
      label: "signatures",
      fill: () => color("accent"),
      stroke: () => color("accent"),
      width: 0,
      points: { show: false },
      ...(bars && { paths: bars }),
    },
  ],
};

function Now({ rate: { fromMs, binSeconds, signs, window } }: { rate: LiveRate }) {
  const data = useMemo(
    (): uPlot.AlignedData => [signs.map((_, i) => fromMs / 1000 + i * binSeconds), signs],
    [fromMs, signs],
  );
  const total = signs.reduce((sum, each) => sum + each, 0);
  return html`
    <p class="lead">
      Now: <strong class="number">${window.signs}</strong> in this window of five minutes.
      ${window.basis === "cold-start" ? html` Keyhold learns for three weeks what is usual; until then more than <span class="number">${Math.round(window.high)}</span> is an alarm.` : ""}
    </p>
    <${Chart} data=${data} options=${options} height=${96} label=${`Signatures in the last 15 minutes: ${total}`} />
  `;
}
