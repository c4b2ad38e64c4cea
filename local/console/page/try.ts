/// <reference lib="dom" />
import { html } from "htm/preact";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Choices, Run } from "../snapshot.ts";
import { Act } from "./act.ts";
import { Choice } from "./choice.ts";
import { resource } from "./format.ts";

interface TryProps {
  choices: Choices | undefined;
  services: Record<string, boolean>;
  runs: Run[];
}

const services = [
  ["key-vault", "Key Vault"],
  ["entra", "Entra"],
  ["storage", "storage"],
] as const;

export function Try({ choices, services: running, runs }: TryProps) {
  if (!choices) return html`<aside class="try" aria-label="Try it"></aside>`;
  const { commands } = choices;
  const shared = { commands, runs };
  return html`
    <aside class="try" aria-labelledby="try-heading">
      <h2 id="try-heading">Try it</h2>
      <${Ask} choices=${choices} runs=${runs} />
      <${Group} name="Somebody attacks">
      <${Act} ...${shared} name="steal-signature" label="Steal a signature" about="An attacker with Keyhold’s identity asks the vault for a signature directly." strong=${true} />
      <${Act} ...${shared} name="man-in-the-middle" label="Stand in the middle" about="Somebody else answers for Entra, for one refresh." />
      <${Act} ...${shared} name="cut-log" label="Cut the vault’s log" about="A row of it disappears." />
      <${Act} ...${shared} name="burst" label="Sign far too much" about="40 signatures where 10 are usual." />
      <//>
      <${Group} name="Things change">
      <${Act} ...${shared} name="roll-key" label="Roll Entra’s key" about="Announced, then used. Nobody is refused." />
      <${Act} ...${shared} name="stage-certificate" label="Stage a certificate" about="A new key version; its canary promotes it." />
      <${Act} ...${shared} name="refresh-metadata" label="Refresh metadata" about="The app is asked to, and answers within a minute." />
      <${Act} ...${shared} name="check-credentials" label="Check certificates" about="Canaries, also every hour." />
      <${Tenant} choices=${choices} runs=${runs} />
      <//>
      <${Group} name="Something is down">
        ${services.map(
          ([service, name]) =>
            html`<${Act} ...${shared} name="set-service" input=${{ service, running: !running[service] }}
              label=${`${running[service] ? "Stop" : "Start"} ${name}`} strong=${!running[service]} />`,
        )}
      <//>
    </aside>
  `;
}

/** The header of a request that must not be answered with a cached token. */
const noCache = " \\\n  -H 'Cache-Control: no-cache'";

function Ask({ choices, runs }: { choices: Choices; runs: Run[] }) {
  const { callers, tenants, scopes, commands } = choices;
  const [caller, setCaller] = useState(callers[0]?.name ?? "");
  const [tenant, setTenant] = useState(tenants[0]?.name ?? "");
  const [scope, setScope] = useState(scopes[0] ?? "");
  const tenantId = tenants.find(({ name }) => name === tenant)?.tenantId ?? "";
  const input = { caller, tenant, scope };
  return html`
    <div class="ask">
      <${Choice} label="Caller" value=${caller} onChoose=${setCaller} options=${callers.map(({ name, about }) => [name, `${name} (${about})`])} />
      <${Choice} label="Tenant" value=${tenant} onChoose=${setTenant} options=${tenants.map(({ name, state }) => [name, state === "active" ? name : `${name} (${state})`])} />
      <${Choice} label="Resource" value=${scope} onChoose=${setScope} options=${scopes.map((each) => [each, resource(each)])} />
      <${Act} name="ask-token" label="Ask for a token" strong=${true} input=${{ ...input, fresh: false }} values=${{ tenantId, more: "" }} commands=${commands} runs=${runs} />
      <${Act} name="ask-token" label="Get a fresh token" about="Not a cached one; at most once a minute." input=${{ ...input, fresh: true }} values=${{ tenantId, more: noCache }} commands=${commands} runs=${runs} />
    </div>
  `;
}

function Tenant({ choices, runs }: { choices: Choices; runs: Run[] }) {
  const { tenants, commands } = choices;
  const [tenant, setTenant] = useState(tenants[0]?.name ?? "");
  const isActive = tenants.find(({ name }) => name === tenant)?.state === "active";
  const verb = isActive ? "suspend" : "resume";
  return html`
    <${Choice} label="Tenant to suspend or resume" value=${tenant} onChoose=${setTenant} options=${tenants.map(({ name, state }) => [name, `${name} (${state})`])} />
    <${Act} name="set-tenant-state" label=${`${isActive ? "Suspend" : "Resume"} ${tenant}`} about="In force within a minute, cached tokens included." input=${{ tenant, verb }} commands=${commands} runs=${runs} />
  `;
}

/** Collapsed on a narrow screen, so that the results stay close. */
function Group({ name, children }: { name: string; children: ComponentChildren }) {
  return html`<details class="group" open=${matchMedia("(min-width: 60rem)").matches}>
    <summary><h3>${name}</h3></summary>
    ${children}
  </details>`;
}
