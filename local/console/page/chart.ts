/// <reference lib="dom" />
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

/** The current value of a colour of style.css, light or dark. */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

interface ChartProps {
  data: uPlot.AlignedData;
  label: string;
  height: number;
  /** Without width and height. The object must stay the same while only the data changes. */
  options: Omit<uPlot.Options, "width" | "height">;
}

/** A canvas that adapts to the width of its container and to the colour scheme. */
export function Chart({ data, label, height, options }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  useEffect(() => {
    const { current } = place;
    if (!current) return;
    const own = new uPlot({ ...options, width: current.clientWidth || 300, height }, data, current);
    plot.current = own;
    const resize = new ResizeObserver(() => own.setSize({ width: current.clientWidth, height }));
    resize.observe(current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => own.redraw(false, true);
    scheme.addEventListener("change", redraw);
    return () => {
      resize.disconnect();
      scheme.removeEventListener("change", redraw);
      own.destroy();
    };
  }, [options, height]);
  useEffect(() => plot.current?.setData(data), [data]);
  return html`<div class="chart" ref=${place} role="img" aria-label=${label}></div>`;
}

/** Axes in the page's muted colours. */
export function axes(values: (splits: number[]) => string[], stepSeconds?: number): uPlot.Axis[] {
  const font = "11px Inter, system-ui, sans-serif";
  const common = { font, stroke: () => color("muted"), ticks: { show: false }, gap: 6 };
  return [
    {
      ...common,
      grid: { show: false },
      space: 60,
      size: 26,
      values: (_: uPlot, splits: number[]) => values(splits),
      ...(stepSeconds !== undefined && { incrs: [stepSeconds] }),
    },
    { ...common, grid: { stroke: () => color("line"), width: 1 }, size: 40 },
  ];
}
