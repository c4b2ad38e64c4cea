/** Maximum number of texts that are kept. There are few, unless an attacker causes many. */
const maxHeld = 1_000;

/**
 * Returns the same string object for equal strings. Hundreds of thousands of rows contain the same few keys, identities
 * and addresses, and each parsed answer has its own copies.
 */
export function createInterner(): (text: string) => string {
  const held = new Map<string, string>();
  return (text) => {
    const known = held.get(text);
    if (known === undefined && held.size < maxHeld) held.set(text, text);
    return known ?? text;
  };
}
