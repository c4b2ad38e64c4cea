/// <reference lib="dom" />
import { html } from "htm/preact";
import type { SignatureRow, SignatureVerdict } from "../snapshot.ts";
import { Copy } from "./copy.ts";
import { clock, words } from "./format.ts";

const shown = 14;

const verdicts: Record<SignatureVerdict, { sign: string; text: string; kind: string }> = {
  pair: { sign: "=", text: "matched", kind: "quiet" },
  open: { sign: "…", text: "open", kind: "warn" },
  unsigned: { sign: "–", text: "not signed", kind: "quiet" },
  refused: { sign: "–", text: "refused", kind: "warn" },
  unaccounted: { sign: "!", text: "unaccounted", kind: "bad" },
  missing: { sign: "!", text: "missing", kind: "bad" },
};

/** Rows that do not agree stay visible. */
const isShown = ({ verdict }: SignatureRow, index: number) => index < shown || verdicts[verdict].kind === "bad";

export function Signatures({ signatures }: { signatures: SignatureRow[] }) {
  const bad = signatures.filter(({ verdict }) => verdicts[verdict].kind === "bad").length;
  return html`
    <section id="logs" aria-labelledby="logs-heading">
      <h2 id="logs-heading">Two logs that must agree</h2>
      <p class="lead">
        Left, what Keyhold wrote down before it asked. Right, what the vault says it signed. They are joined by the vault’s
        request id${bad > 0 && html`; <strong class="bad">${bad} ${bad === 1 ? "does" : "do"} not agree</strong>`}.
      </p>
      ${
        signatures.length === 0
          ? html`<p class="empty">No signature yet.</p>`
          : html`<div class="scroll" tabindex="0" role="group" aria-label="Ledger and vault’s log">
          <table class="logs">
            <caption class="hidden">Ledger and vault’s log, joined, the newest first</caption>
            <thead>
              <tr>
                <th scope="colgroup" colspan="4">Keyhold’s ledger</th>
                <td class="verdict"></td>
                <th scope="colgroup" colspan="4">The vault’s own log</th>
              </tr>
              <tr>
                <th scope="col" class="extra">Time</th><th scope="col" class="extra">Purpose</th>
                <th scope="col"><span class="narrow">Ledger, for</span><span class="broad">For</span></th><th scope="col" class="extra">Outcome</th>
                <th scope="col" class="verdict"><span class="hidden">Do they agree</span></th>
                <th scope="col" class="extra">Time</th><th scope="col" class="extra">Operation</th><th scope="col"><span class="narrow">Vault, by</span><span class="broad">Identity, client</span></th>
                <th scope="col" class="extra">Request</th>
              </tr>
            </thead>
            <tbody>${signatures.filter(isShown).map((row) => html`<${Row} key=${row.id} row=${row} />`)}</tbody>
          </table>
        </div>`
      }
    </section>
  `;
}

function Row({ row: { verdict, ledger, vault } }: { row: SignatureRow }) {
  const { sign, text, kind } = verdicts[verdict];
  return html`
    <tr class=${`${kind} ${verdict}`}>
      ${ledger ? html`<${LedgerCells} ledger=${ledger} />` : html`<${NoLedgerCells} verdict=${verdict} />`}
      <td class="verdict"><span aria-hidden="true">${sign}</span> ${text}</td>
      ${vault ? html`<${VaultCells} vault=${vault} />` : html`<${NoVaultCells} verdict=${verdict} requestId=${ledger?.requestId ?? ""} />`}
    </tr>
  `;
}

function LedgerCells({ ledger }: { ledger: NonNullable<SignatureRow["ledger"]> }) {
  const { timeMs, purpose, caller, tenant, outcome } = ledger;
  return html`
    <td class="number extra">${clock(timeMs)}</td>
    <td class="extra">${purpose}</td>
    <td class="wraps">${caller || "Keyhold"} <span class="muted">${tenant}</span></td>
    <td class="extra">${words(outcome || "not known yet")}</td>
  `;
}

function VaultCells({ vault }: { vault: NonNullable<SignatureRow["vault"]> }) {
  const { timeMs, operation, status, identity, client, requestId } = vault;
  return html`
    <td class="number extra">${clock(timeMs)}</td>
    <td class="extra">${operation} <span class="number muted">${status}</span></td>
    <td class="wraps">${identity} <span class="muted">${client}</span> <span class="narrow number muted">${clock(timeMs)}</span></td>
    <td class="extra"><${Copy} text=${requestId} what="request id" /></td>
  `;
}

function NoLedgerCells({ verdict }: { verdict: SignatureVerdict }) {
  const text = verdict === "refused" ? "no row: nothing was signed" : "no row explains it";
  return html`<td class="extra"></td><td class="extra"></td><td class="nothing">${text}</td><td class="extra"></td>`;
}

function NoVaultCells({ verdict, requestId }: { verdict: SignatureVerdict; requestId: string }) {
  const text = verdict === "missing" ? "no row: it was cut" : "no row";
  return html`<td class="extra"></td><td class="extra"></td><td class="nothing">${text}</td><td class="extra">${requestId && html`<${Copy} text=${requestId} what="request id" />`}</td>`;
}
