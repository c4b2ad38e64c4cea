/** Charts as SVG text, written by hand: only rectangles, lines and words. */
const width = 960;
const left = 56;
const right = 16;
const top = 36;
const colors = ["#345995", "#e08a00", "#3a8f5c", "#b23a48", "#7a5ea8"];

export interface Bar {
  label: string;
  value: number;
  /** Ends of the spread. */
  low?: number;
  high?: number;
}

/** Horizontal bars, one for each subject, with the spread of the middle half and a lower or upper target. */
export function barChart(title: string, unit: string, bars: readonly Bar[], limit?: { value: number; label: string }) {
  const labels = 250;
  const row = 26;
  const height = top + row * bars.length + 14;
  const most = 1.05 * Math.max(limit?.value ?? 0, ...bars.map(({ value, high }) => high ?? value));
  const x = (value: number) => labels + ((width - labels - 130) * value) / (most || 1);
  const lines = bars.flatMap(({ label, value, low, high }, i) => {
    const y = top + row * i;
    return [
      `<text x="${labels - 8}" y="${y + 13}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${labels}" y="${y}" width="${px(x(value) - labels)}" height="18" fill="${colors[i % colors.length]}"/>`,
      ...(low === undefined || high === undefined ? [] : [line(x(low), y + 9, x(high), y + 9, "#000")]),
      `<text x="${px(x(Math.max(value, high ?? 0)) + 6)}" y="${y + 13}">${format(value)} ${escaped(unit)}</text>`,
    ];
  });
  if (limit) {
    lines.push(line(x(limit.value), top - 6, x(limit.value), height - 10, "#c00", "4 3"));
    lines.push(`<text x="${px(x(limit.value) + 4)}" y="${top - 8}" fill="#c00">${escaped(limit.label)}</text>`);
  }
  return svg(title, height, lines);
}

export interface Series {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

/** Lines over one axis, from zero. `spans` are shaded, for example the duration of a fault. */
export function lineChart(
  title: string,
  axes: { x: string; y: string },
  series: readonly Series[],
  spans: readonly (readonly [from: number, to: number])[] = [],
): string {
  const height = 300;
  const bottom = height - 40;
  const all = series.flatMap(({ points }) => points);
  const [fromX, toX] = [Math.min(...all.map(([x]) => x)), Math.max(...all.map(([x]) => x))];
  const most = 1.05 * Math.max(...all.map(([, y]) => y), Number.MIN_VALUE);
  const x = (value: number) => left + ((width - left - right) * (value - fromX)) / (toX - fromX || 1);
  const y = (value: number) => bottom - ((bottom - top) * value) / most;
  const parts = [0, 0.25, 0.5, 0.75, 1];
  const clamp = (value: number) => Math.min(toX, Math.max(fromX, value));
  return svg(title, height, [
    ...spans.map(([from, to]) => {
      const [start, end] = [x(clamp(from)), x(clamp(to))];
      return `<rect x="${px(start)}" y="${top}" width="${px(Math.max(1, end - start))}" height="${bottom - top}" fill="#f6e3c5"/>`;
    }),
    ...parts.flatMap((part) => [
      line(left, y(part * most), width - right, y(part * most), "#ddd"),
      `<text x="${left - 6}" y="${px(y(part * most) + 4)}" text-anchor="end">${format(part * most)}</text>`,
      `<text x="${px(x(fromX + part * (toX - fromX)))}" y="${bottom + 14}" text-anchor="middle">${format(fromX + part * (toX - fromX))}</text>`,
    ]),
    ...series.flatMap(({ name, points }, i) => [
      `<polyline fill="none" stroke="${colors[i % colors.length]}" points="${points.map((p) => `${px(x(p[0]))},${px(y(p[1]))}`).join(" ")}"/>`,
      `<rect x="${left + 220 * i}" y="${top - 12}" width="9" height="8" fill="${colors[i % colors.length]}"/>`,
      `<text x="${left + 13 + 220 * i}" y="${top - 4}">${escaped(name)}</text>`,
    ]),
    `<text x="${width - right}" y="${height - 8}" text-anchor="end">${escaped(axes.x)}; ${escaped(axes.y)} upwards</text>`,
  ]);
}

function svg(title: string, height: number, lines: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="#fff"/><text x="8" y="15" font-size="13">${escaped(title)}</text>`,
    ...lines,
    "</svg>",
    "",
  ].join("\n");
}

function line(x1: number, y1: number, x2: number, y2: number, color: string, dashes = "none"): string {
  return `<line x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" stroke="${color}" stroke-dasharray="${dashes}"/>`;
}

function px(value: number): string {
  return value.toFixed(1);
}

function format(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
