/** A refusal is a value, a fault is an exception: `Result` carries the refusals, `Fault` is thrown. */
export type Result<T, R> = { ok: true; value: T } | { ok: false; refusal: R };

/** The result of what succeeded. */
export function ok<T>(value: T): { ok: true; value: T } {
  return { ok: true, value };
}

/** The result of what was refused: an expected answer, where an exception would stand for a fault. */
export function refuse<R>(refusal: R): { ok: false; refusal: R } {
  return { ok: false, refusal };
}
