/// <reference lib="dom" />
import { html } from "htm/preact";
import { useState } from "preact/hooks";

/** Shows the beginning of an id. A click copies the whole id. */
export function Copy({ text, what, length = 8 }: { text: string; what: string; length?: number }) {
  const [isCopied, mark] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text).catch(() => undefined);
    mark(true);
    setTimeout(() => mark(false), 1_500);
  };
  return html`<button class="plain mono copy" title=${`${text} (click to copy)`} onClick=${copy}>
    <span class="hidden">Copy the ${what} </span>${text.slice(0, length)}<span role="status">${isCopied ? " copied" : ""}</span>
  </button>`;
}
