/// <reference lib="dom" />
import { html } from "htm/preact";
import type { Alarm, Run } from "../snapshot.ts";
import { clock } from "./format.ts";

const shownLines = 8;

/** For screen readers: completed actions politely, and alarms at once. */
export function Announcements({ runs, alarms }: { runs: Run[]; alarms: Alarm[] }) {
  const [run] = runs;
  const [alarm] = alarms;
  return html`
    <div class="hidden" role="status">${run && `${run.title}: ${run.state}. ${run.lines.at(-1) ?? ""}`}</div>
    <div class="hidden" role="alert">${alarm && `Alarm, severity ${alarm.severity}: ${alarm.title}`}</div>
  `;
}

/** The progress of an action, directly below its button. */
export function Outcome({ run: { title, state, startedMs, endedMs, lines } }: { run: Run }) {
  const took = endedMs === undefined ? "running…" : `${state}, ${((endedMs - startedMs) / 1000).toFixed(1)} s`;
  return html`
    <div class=${`outcome ${state}`}>
      <p class="title">${title}</p>
      <ul>${lines.slice(-shownLines).map((line) => html`<li class=${line.startsWith("alarm") ? "bad" : ""}>${line}</li>`)}</ul>
      <p class="muted number">${clock(startedMs)}, ${took}</p>
    </div>
  `;
}

/** The inputs that distinguish buttons of the same action. */
const distinct = ["service", "fresh", "id"];

/** The run to show below a button: the running one, or the most recent of all runs. */
export function runOf(runs: readonly Run[], action: string, input: Record<string, unknown>): Run | undefined {
  const isOurs = (run: Run) => run.action === action && distinct.every((name) => run.input[name] === input[name]);
  const [newest] = runs;
  return runs.find((run) => isOurs(run) && run.state === "running") ?? (newest && isOurs(newest) ? newest : undefined);
}
