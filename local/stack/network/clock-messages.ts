/** Preloaded into the process of the functions host: lets the stack that started the process move its clock. */
import { moveClock } from "./clock.ts";

/** A message from the stack. It is answered with the same message after the clock has moved. */
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
