import { hourMs, type JudgedWindow } from "../../src/domain/audit/sign-rate.ts";

const [width, height, left, top, bottom] = [960, 300, 44, 40, 26];

/** Rate, band and alarms over consecutive windows, as SVG. `high` returns the upper limit of one window. */
export function chartOf(title: string, windows: readonly JudgedWindow[], alarms: readonly JudgedWindow[]): string {
  const fromMs = windows[0]?.startMs ?? 0;
  const toMs = windows.at(-1)?.startMs ?? 1;
  const most = Math.max(...windows.map(({ signs, band }) => Math.max(signs, band.high)));
  const x = (ms: number) => left + ((width - left - 8) * (ms - fromMs)) / (toMs - fromMs);
  const y = (signs: number) => top + (height - top - bottom) * (1 - signs / most);
  const point = (ms: number, signs: number) => `${x(ms).toFixed(1)},${y(signs).toFixed(1)}`;
  const hours = windows.filter(({ startMs }) => startMs % hourMs === 0);
  const upper = hours.map(({ startMs, band }) => point(startMs, band.high));
  const lower = hours.map(({ startMs, band }) => point(startMs, band.low)).reverse();
  const usual = hours.map(({ startMs, band }) => point(startMs, band.median));
  const rate = windows.map(({ startMs, signs }) => point(startMs, signs));
  const days = windows.filter(({ startMs }) => startMs % (24 * hourMs) === 0);
  const weekday = (ms: number) => new Date(ms).toISOString().slice(8, 10);
  const gap = 10 ** Math.floor(Math.log10(most));
  const ticks = Array.from({ length: Math.floor(most / gap) + 1 }, (_, i) => i * gap);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="#fff"/><text x="${left}" y="16" font-size="13">${title}</text>`,
    legend(),
    ...ticks.map((n) => `<text x="${left - 6}" y="${(y(n) + 4).toFixed(1)}" text-anchor="end">${n}</text>`),
    ...days.map(({ startMs }) => `<text x="${x(startMs).toFixed(1)}" y="${height - 8}">${weekday(startMs)}</text>`),
    `<polygon points="${[...upper, ...lower].join(" ")}" fill="#dbe7f5"/>`,
    `<polyline points="${rate.join(" ")}" fill="none" stroke="#345" stroke-width=".6"/>`,
    `<polyline points="${usual.join(" ")}" fill="none" stroke="#e08a00"/>`,
    ...alarms.map((alarm) => mark(alarm, x(alarm.startMs), y(alarm.signs))),
    "</svg>",
    "",
  ].join("\n");
}

function legend(): string {
  const entry = (at: number, color: string, text: string) =>
    `<rect x="${at}" y="24" width="10" height="8" fill="${color}"/><text x="${at + 14}" y="32">${text}</text>`;
  return [
    entry(left, "#345", "signatures in five minutes"),
    entry(left + 180, "#e08a00", "median of the hour of the week"),
    entry(left + 390, "#dbe7f5", "band of one window"),
    entry(left + 530, "#c00", "alarm"),
  ].join("");
}

function mark({ verdict, signs }: JudgedWindow, x: number, y: number): string {
  const text = `${verdict}: ${signs} signatures`;
  return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="5" fill="none" stroke="#c00" stroke-width="2"><title>${text}</title></circle>`;
}
