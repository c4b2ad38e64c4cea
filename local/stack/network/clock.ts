/**
 * Preloaded (`node --import`): `Date.now` of this process is LOCAL_CLOCK_AHEAD_MS ahead of the machine's clock, and
 * each `moveClock` moves it further. `new Date()`, timeouts and other processes keep the machine's time.
 */
let aheadMs = Number(process.env.LOCAL_CLOCK_AHEAD_MS ?? 0);
const now = Date.now.bind(Date);

Date.now = () => now() + aheadMs;

export function moveClock(byMs: number): void {
  aheadMs += byMs;
}

export function clockAheadMs(): number {
  return aheadMs;
}
