import type { Guid } from "../domain/shared/guid.ts";
import type { Scope } from "../domain/shared/scope.ts";

/** What a form asks for with `grant_type=client_credentials`, `client_id` and `scope`, and nothing else. */
export interface PlainQuestion {
  clientId: Guid;
  scope: Scope;
}

/**
 * Forms that were parsed before, by their exact text, since a caller sends the same one again and again. Only forms of
 * three parameters: there is no room for a token, or for anything else that is not already validated. Who asks, and for
 * which tenant, is in the header and the path, and is read from every request.
 */
export interface KnownForms {
  find(text: string): PlainQuestion | undefined;
  /** Of a text that parsing has turned into this question; ignored where it says more. */
  remember(text: string, question: PlainQuestion): void;
}

/** With the longest text half a megabyte. Anybody can fill it, which costs others a parsing. */
const maxForms = 500;
const maxCharacters = 1_024;

/** An empty memory. */
export function createKnownForms(): KnownForms {
  const forms = new Map<string, PlainQuestion>();
  return {
    find: (text) => forms.get(text),
    remember(text, question) {
      // The three that a question needs are there, and none twice: so there is no fourth.
      if (text.length > maxCharacters || text.split("&").length !== 3) return;
      const [oldest] = forms.keys();
      if (forms.size >= maxForms && oldest !== undefined) forms.delete(oldest);
      forms.set(text, question);
    },
  };
}
