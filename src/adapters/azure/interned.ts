/** Most texts that are kept. There are few, unless an attacker causes many. */
const maxHeld = 1_000;

/**
 * Gives one string for all that are equal: hundreds of thousands of rows name the same few keys, identities and
 * addresses, and each parsed answer has a copy of its own.
 */
export function createInterner(): (text: string) => string {
  const held = new Map<string, string>();
  return (text) => {
    const known = held.get(text);
    if (known === undefined && held.size < maxHeld) held.set(text, text);
    return known ?? text;
  };
}
