/// <reference lib="dom" />
import { html } from "htm/preact";
import { useId, useState } from "preact/hooks";
import type { Alarm, Run, Runbook } from "../snapshot.ts";
import { Act } from "./act.ts";
import { ago, clock, words } from "./format.ts";
import { useFetched } from "./stream.ts";

const shown = 8;

/** The most severe alarm of the last ten minutes, above everything else. */
export function AlarmBar({ alarms }: { alarms: Alarm[] }) {
  const [seen, see] = useState(0);
  const fresh = alarms.filter(
    ({ id, severity, acknowledged }) => id > seen && severity <= 1 && acknowledged === undefined,
  );
  const worst = fresh.toSorted((a, b) => a.severity - b.severity || b.timeMs - a.timeMs)[0];
  if (!worst) return null;
  return html`
    <div class=${`alarm-bar severity-${worst.severity}`} role="region" aria-label="The worst alarm">
      <p>
        <strong>Severity ${worst.severity}: ${worst.title}</strong>
        ${fresh.length > 1 && html` <span>and ${fresh.length - 1} more</span>`}
      </p>
      <a href="#logs">The two logs</a>
      <a href="#alarms">What to do</a>
      <button class="plain" onClick=${() => see(Math.max(...alarms.map(({ id }) => id)))}>Dismiss</button>
    </div>
  `;
}

interface AlarmsProps {
  alarms: Alarm[];
  commands: Record<string, string>;
  runs: Run[];
  now: number;
}

export function Alarms({ alarms, commands, runs, now }: AlarmsProps) {
  const runbook = useFetched<Runbook>(alarms.length > 0 ? "/runbook" : undefined);
  return html`
    <section id="alarms" aria-labelledby="alarms-heading">
      <h2 id="alarms-heading">Alarms</h2>
      <p class="lead">What would wake somebody, with the runbook’s word on it. Severity 0 is the worst.</p>
      ${alarms.length === 0 && html`<p class="empty">None. Try <strong>Steal a signature</strong>.</p>`}
      <ol class="alarms">
        ${alarms.slice(0, shown).map((alarm) => html`<${Entry} key=${alarm.id} alarm=${alarm} runbook=${runbook} commands=${commands} runs=${runs} now=${now} />`)}
      </ol>
    </section>
  `;
}

interface EntryProps extends Omit<AlarmsProps, "alarms"> {
  alarm: Alarm;
  runbook: Runbook | undefined;
}

function Entry({ alarm, runbook, commands, runs, now }: EntryProps) {
  const { severity, title, timeMs, count, facts, section, aheadMinutes, azure, acknowledged } = alarm;
  const [means, ...parts] = runbook?.[section]?.parts ?? [];
  return html`
    <li class=${`alarm severity-${severity}`}>
      <h3>
        <span class="severity" title=${`Severity ${severity}`}><span class="hidden">Severity </span>${severity}</span>
        ${title} ${count > 1 && html`<span class="muted">${count} times</span>`}
        <time class="number muted">${clock(timeMs)}, ${ago(timeMs, now)}</time>
      </h3>
      ${azure && html`<p class="muted">${azure}${aheadMinutes !== undefined && html` The audit reports it ${aheadMinutes} minutes later, when the vault’s log has settled; here its clock was ahead.`}</p>`}
      ${acknowledged !== undefined && html`<p class="acknowledged"><strong>Acknowledged:</strong> ${acknowledged}</p>`}
      ${means?.lines.map((line) => html`<p class="means">${line}</p>`)}
      <dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
      <details>
        <summary>What to do <span class="muted">(runbook: ${words(section)})</span></summary>
        ${parts.map(({ heading, lines }) => html`<${Part} heading=${heading} lines=${lines} />`)}
      </details>
      ${alarm.finding && acknowledged === undefined && html`<${Acknowledge} finding=${alarm.finding} commands=${commands} runs=${runs} />`}
    </li>
  `;
}

interface AcknowledgeProps extends Pick<AlarmsProps, "commands" | "runs"> {
  finding: NonNullable<Alarm["finding"]>;
}

/** Adds a note that explains the finding. It is not reported again. */
function Acknowledge({ finding, commands, runs }: AcknowledgeProps) {
  const [reason, setReason] = useState("a drill on this machine");
  const field = useId();
  return html`
    <div class="acknowledge">
      <label for=${field}>Why it is known</label>
      <input id=${field} maxlength="200" value=${reason} onInput=${(event: Event) => setReason((event.currentTarget as HTMLInputElement).value)} />
      <${Act} name="acknowledge-finding" label="Acknowledge" input=${{ ...finding, reason }} commands=${commands} runs=${runs} />
    </div>
  `;
}

/** Lines that begin with a tab form one block of code. */
function Part({ heading, lines }: { heading: string; lines: string[] }) {
  const code = lines.filter((line) => line.startsWith("\t")).map((line) => line.slice(1));
  return html`
    <h4>${heading}</h4>
    ${lines.filter((line) => !line.startsWith("\t")).map((line) => html`<p>${line}</p>`)}
    ${code.length > 0 && html`<pre tabindex="0"><code>${code.join("\n")}</code></pre>`}
  `;
}
