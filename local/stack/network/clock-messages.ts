/** Preloaded into the process of the functions host: its clock moves as the stack that started it says. */
import { moveClock } from "./clock.ts";

/** What the stack sends. It is answered with the same message once the clock has moved. */
export interface ClockMessage {
  moveClockMs: number;
}

export function isClockMessage(message: unknown): message is ClockMessage {
  return typeof message === "object" && message !== null && "moveClockMs" in message;
}

process.on("message", (message) => {
  if (!isClockMessage(message)) return;
  moveClock(message.moveClockMs);
  process.send?.(message);
});
