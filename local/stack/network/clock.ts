/** Preloaded (`node --import`): the process lives LOCAL_CLOCK_AHEAD_MS in the future. It does not move other processes. */
const aheadMs = Number(process.env.LOCAL_CLOCK_AHEAD_MS ?? 0);
const now = Date.now.bind(Date);

Date.now = () => now() + aheadMs;
