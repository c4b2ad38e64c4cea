/**
 * A seeded source of random numbers (mulberry32): every run has the same years, the same incidents and the same table.
 */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
  /** The number of independent events that occur if `mean` are expected. Exact (Knuth), in parts of at most 200. */
  poisson(mean: number): number;
}

export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  function normal(): number {
    return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  }
  function poisson(mean: number): number {
    let count = 0;
    for (let left = mean; left > 0; left -= 200) {
      const limit = Math.exp(-Math.min(left, 200));
      for (let product = next(); product > limit; product *= next()) count++;
    }
    return count;
  }
  return { next, normal, poisson };
}
