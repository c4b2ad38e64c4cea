import type { Stack } from "../../local/stack/stack.ts";
import type { Agent } from "../stand/instance.ts";

/**
 * The instance's clock, which a short run moves forward so that time passes faster, and Entra's clock, which may
 * differ.
 */
export interface Clocks {
  /** The instance's time, milliseconds since 1970. */
  now(): number;
  advance(ms: number): Promise<void>;
  setSkew(ms: number): void;
  /** Whether Entra's clock differs. Callers' tokens are not fetched then, because they would not be valid yet. */
  isSkewed(): boolean;
}

export function createClocks(stack: Stack, agent: Agent): Clocks {
  let aheadMs = 0;
  let skewMs = 0;
  const setEntra = () => {
    stack.entra.clockOffsetSeconds = Math.round((aheadMs + skewMs) / 1_000);
  };
  return {
    now: () => Date.now() + aheadMs,
    async advance(ms) {
      await agent.setClockAhead(aheadMs + ms);
      aheadMs += ms;
      setEntra();
    },
    setSkew(ms) {
      skewMs = ms;
      setEntra();
    },
    isSkewed: () => skewMs !== 0,
  };
}
