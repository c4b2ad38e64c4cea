/** A call did not answer in time. */
export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";

  constructor() {
    super("deadline_exceeded");
  }
}

/**
 * Ends a call after so many milliseconds, by its signal, and without it where the call does not obey: a managed
 * identity's endpoint that hangs is not ended by an `AbortSignal` (seen in @azure/identity 4.14). The signal also aborts
 * with `outer`.
 *
 * @throws {DeadlineExceeded} or what the call throws
 */
export function within<T>(
  withinMs: number,
  call: (abortSignal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  return Promise.race([limited(withinMs, call, outer, reject), promise]);
}

/**
 * Ends a call by its signal, after so many milliseconds or with `outer`; the call itself decides what it throws then.
 * This does without `AbortSignal.any`: Node.js 24.21 never frees a signal that `any` makes of another one of
 * its signals, and each request would leave half a kilobyte.
 */
export async function limited<T>(
  withinMs: number,
  call: (abortSignal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
  onLate: (late: DeadlineExceeded) => void = () => {},
): Promise<T> {
  const end = new AbortController();
  const follow = () => end.abort(outer?.reason);
  const expire = () => {
    const late = new DeadlineExceeded();
    onLate(late);
    end.abort(late);
  };
  // In a turn of the event loop timers run before sockets. `setImmediate` lets data be read first that arrived while
  // the loop was blocked.
  const timer = setTimeout(() => setImmediate(expire), withinMs);
  if (outer?.aborted) follow();
  else outer?.addEventListener("abort", follow);
  try {
    return await call(end.signal);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", follow);
  }
}
