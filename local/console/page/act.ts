/// <reference lib="dom" />
import { html } from "htm/preact";
import { useState } from "preact/hooks";
import type { Run } from "../snapshot.ts";
import { Outcome, runOf } from "./runs.ts";
import { act, type NotStarted } from "./stream.ts";

interface ActProps {
  /** The name in `POST /actions/{name}`. */
  name: string;
  label: string;
  about?: string;
  input?: Record<string, string | boolean>;
  /** Used in the command only. */
  values?: Record<string, string>;
  strong?: boolean;
  commands: Record<string, string>;
  runs: Run[];
}

/** A button, its description, and the command that does the same. */
export function Act({ name, label, about, input = {}, values = {}, strong = false, commands, runs }: ActProps) {
  const [notStarted, tell] = useState<NotStarted>();
  const isOver = notStarted?.blockedBy !== undefined && !isRunningNow(runs, notStarted.blockedBy);
  const run = runOf(runs, name, input);
  const isRunning = run?.state === "running";
  const command = fill(commands[name] ?? "", { ...input, ...values });
  return html`
    <div class="act">
      <button
        class=${strong ? "strong" : ""}
        aria-disabled=${isRunning}
        onClick=${async () => {
          if (!isRunning) tell(await act(name, input));
        }}
      >${label}${isRunning && html`<span class="busy"> …</span>`}</button>
      ${about && html`<p class="about">${about}</p>`}
      ${notStarted && !isOver && html`<p class="bad" role="alert">${notStarted.error}</p>`}
      ${run && html`<${Outcome} run=${run} />`}
      <details class="command">
        <summary>command<span class="hidden"> for: ${label}</span></summary>
        <pre tabindex="0"><code>${command}</code></pre>
      </details>
    </div>
  `;
}

const isRunningNow = (runs: readonly Run[], id: number) => runs.some((run) => run.id === id && run.state === "running");

function fill(command: string, values: Record<string, string | boolean>): string {
  return command.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}
