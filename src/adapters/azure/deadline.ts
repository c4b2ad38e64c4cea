/** No answer in time. */
export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";

  constructor() {
    super("deadline_exceeded");
  }
}

/**
 * Ends a call after so many milliseconds, by its signal, and without it where the call does not obey: a managed
 * identity's endpoint that hangs is not ended by an `AbortSignal` (seen in @azure/identity 4.14).
 *
 * @throws {DeadlineExceeded}, or what the call throws.
 */
export function within<T>(withinMs: number, call: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
  const end = new AbortController();
  const { promise, reject } = Promise.withResolvers<never>();
  const expire = () => {
    const late = new DeadlineExceeded();
    reject(late);
    end.abort(late);
  };
  // Timers come before sockets in a turn of the event loop: what arrived while the loop was held is read first.
  const timer = setTimeout(() => setImmediate(expire), withinMs);
  return Promise.race([call(end.signal), promise]).finally(() => clearTimeout(timer));
}
