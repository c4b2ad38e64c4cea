/** Makes it when it is first asked for: a cold start does not pay for what the first answer does not need. */
export function lazily<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
