/**
 * How many requests one instance works on at once. This limit is below the host's, whose 429 has no body and no
 * `Retry-After`, so that JavaScript callers would wait for a minute.
 */
export interface LoadLimit {
  /** Takes a slot, which must be released; false if none is free. */
  enter(): boolean;
  leave(): void;
}

/** Places for `most` requests. */
export function createLoadLimit(most: number): LoadLimit {
  let inFlight = 0;
  return {
    enter() {
      if (inFlight >= most) return false;
      inFlight += 1;
      return true;
    },
    leave() {
      inFlight -= 1;
    },
  };
}
