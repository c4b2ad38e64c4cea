/**
 * How many requests one instance works on at once. The host has a limit of its own, but answers over it without a body
 * and without `Retry-After`, which makes JavaScript callers wait for a minute; so this one is met first.
 */
export interface LoadLimit {
  /** Takes a place, which must be given back; false where there is none. */
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
