/** Work that can be interrupted between its steps, so that a long one need not hold up the event loop. */
export type Steps<R> = Generator<undefined, R, undefined>;

/** Takes all steps without a pause. */
export function atOnce<R>(steps: Steps<R>): R {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
