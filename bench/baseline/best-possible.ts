/**
 * What the best of all rules could do that knows the true rate and sees nothing but Poisson noise. Where this misses a
 * target, no tuning of a baseline reaches it: the key signs too rarely.
 */
export interface BestPossible {
  rate: number;
  /** Part of threefold bursts found within two windows, at four false alarms in a year of such windows. */
  burstFound: number;
  /** False alarms a year of a rule that takes three empty windows for a dead broker, in 2000 business hours. */
  falseDeaths: number;
}

const windowsPerYear = 365 * 288;
const businessWindowsPerYear = 2000 * 12;

export function bestPossible(rate: number): BestPossible {
  let limit = Math.ceil(2 * rate);
  while (tailOf(2 * rate, limit) * windowsPerYear > 4) limit++;
  return { rate, burstFound: tailOf(6 * rate, limit), falseDeaths: businessWindowsPerYear * Math.exp(-3 * rate) };
}

/** The probability of `least` or more, where `mean` are expected. */
function tailOf(mean: number, least: number): number {
  let [term, below] = [Math.exp(-mean), 0];
  for (let k = 0; k < least; k++) {
    below += term;
    term *= mean / (k + 1);
  }
  return Math.max(0, 1 - below);
}
