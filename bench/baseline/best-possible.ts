/**
 * The best result that any rule could reach if it knew the true rate and saw only Poisson noise. If even this misses a
 * target, no tuning of a baseline can reach it: the key signs too rarely.
 */
export interface BestPossible {
  rate: number;
  /** Share of threefold bursts found within two windows, at four false alarms in a year of such windows. */
  burstFound: number;
  /** False alarms a year of a rule that treats three empty windows as a dead broker, in 2000 business hours. */
  falseDeaths: number;
}

const windowsPerYear = 365 * 288;
const businessWindowsPerYear = 2000 * 12;

export function bestPossible(rate: number): BestPossible {
  let limit = Math.ceil(2 * rate);
  while (tailOf(2 * rate, limit) * windowsPerYear > 4) limit++;
  return { rate, burstFound: tailOf(6 * rate, limit), falseDeaths: businessWindowsPerYear * Math.exp(-3 * rate) };
}

/** The probability of at least `least` events if `mean` are expected. */
function tailOf(mean: number, least: number): number {
  let [term, below] = [Math.exp(-mean), 0];
  for (let k = 0; k < least; k++) {
    below += term;
    term *= mean / (k + 1);
  }
  return Math.max(0, 1 - below);
}
