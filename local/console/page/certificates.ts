/// <reference lib="dom" />
import { html } from "htm/preact";
import type { CertificateRow } from "../snapshot.ts";
import { ago, clock, day } from "./format.ts";

export function Certificates({ certificates, now }: { certificates: CertificateRow[]; now: number }) {
  return html`
    <section id="certificates" aria-labelledby="certificates-heading">
      <h2 id="certificates-heading">Certificates</h2>
      <p class="lead">One signs. A new one waits until a canary token was issued for it, and is promoted by nothing else.</p>
      <div class="scroll" tabindex="0" role="group" aria-label="Certificates of the policy">
        <table class="certificates">
          <caption class="hidden">Certificates of the policy</caption>
          <thead>
            <tr>
              <th scope="col" class="extra">Client</th><th scope="col">Certificate</th><th scope="col" class="extra">Key version</th><th scope="col">State</th>
              <th scope="col">Canary</th><th scope="col">At Entra</th><th scope="col" class="extra">In the vault</th><th scope="col" class="extra">Ends</th>
            </tr>
          </thead>
          <tbody>
            ${certificates.map(
              ({ client, thumbprint, keyVersion, state, sinceMs, canary, isRegistered, isEnabled, endsMs }) => html`
                <tr key=${thumbprint}>
                  <td class="extra">${client}</td>
                  <td class="mono">${thumbprint.slice(0, 8)}</td>
                  <td class="mono extra">${keyVersion.slice(0, 8)}</td>
                  <td><span class=${`state ${state}`}>${state}</span>${sinceMs !== undefined && html` <span class="muted number">since ${clock(sinceMs)}</span>`}</td>
                  <td>${canary ? html`${canary.ok ? "token issued" : html`<span class="bad">${canary.reason ?? "failed"}</span>`} <span class="muted number">${ago(canary.atMs, now)}</span>` : html`<span class="muted">not yet</span>`}</td>
                  <td>${isRegistered ? "registered" : html`<span class="bad">not registered</span>`}</td>
                  <td class="extra">${isEnabled ? "enabled" : html`<span class="bad">disabled</span>`}</td>
                  <td class="number extra">${day(endsMs)}</td>
                </tr>
              `,
            )}
          </tbody>
        </table>
      </div>
    </section>
  `;
}
