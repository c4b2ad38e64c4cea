/**
 * One route of an emulator's control interface: plain HTTP with JSON, served on the stack's control port under the
 * emulator's name. It has a separate port so that no path can clash with the emulated protocol.
 */
export interface ControlRoute {
  method: string;
  path: string;
  /** The returned value is the JSON answer; undefined is a 204. */
  handle(input: { body: unknown; query: URLSearchParams }): unknown | Promise<unknown>;
}

/** Bad control input. The message says what to send instead. */
export class ControlError extends Error {
  status = 400;
}
