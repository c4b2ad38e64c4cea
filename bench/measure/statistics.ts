/** Summary of a series: the median, and the spread of its middle half. */
export interface Summary {
  count: number;
  median: number;
  p25: number;
  p75: number;
  p99: number;
  max: number;
}

/** Interpolates linearly between the two nearest values; NaN for an empty series. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = part * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function summarise(values: readonly number[]): Summary {
  const [p25, p75, p99, max] = [0.25, 0.75, 0.99, 1].map((part) => quantile(values, part)) as [
    number,
    number,
    number,
    number,
  ];
  return { count: values.length, median: median(values), p25, p75, p99, max };
}

/** Computed for each round, so that a slow period of the machine affects both sides of a ratio. */
export function ratios(above: readonly number[], below: readonly number[]): Summary {
  if (above.length !== below.length) throw new RangeError("a ratio needs as many samples on both sides");
  return summarise(above.map((value, i) => value / (below[i] ?? Number.NaN)));
}

/** Median of the slopes between all pairs (Theil and Sen), in y per unit of x. A few outliers do not change it. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes: number[] = [];
  for (const [i, [x, y]] of points.entries()) {
    for (const [otherX, otherY] of points.slice(i + 1)) if (otherX !== x) slopes.push((otherY - y) / (otherX - x));
  }
  return median(slopes);
}

/** `12.3 (11.8 to 12.9)`: the median and the middle half. */
export function withSpread({ median: middle, p25, p75 }: Summary, digits = 2): string {
  return `${middle.toFixed(digits)} (${p25.toFixed(digits)} to ${p75.toFixed(digits)})`;
}
