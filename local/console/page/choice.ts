/// <reference lib="dom" />
import { html } from "htm/preact";
import { useId } from "preact/hooks";

interface ChoiceProps {
  label: string;
  value: string;
  options: readonly (readonly [value: string, text: string])[];
  inline?: boolean;
  onChoose(value: string): void;
}

export function Choice({ label, value, options, inline = false, onChoose }: ChoiceProps) {
  const id = useId();
  return html`
    <div class=${inline ? "choice inline" : "choice"}>
      <label for=${id}>${label}</label>
      <select id=${id} onChange=${(event: Event) => onChoose((event.currentTarget as HTMLSelectElement).value)}>
        ${options.map(([each, text]) => html`<option value=${each} selected=${each === value}>${text}</option>`)}
      </select>
    </div>
  `;
}
