/** What the audit makes of a theft, of a log that was cut, of too many signatures and of none. */

import { callers, identities } from "../stack/world.ts";
import { type AuditEnvironment, type LoggedEvent, prepareAudit, runAuditAsOf } from "./audit-as-of.ts";
import { type StackFile, show } from "./running-stack.ts";
import { stealSignature } from "./thief.ts";

const minuteMs = 60_000;
/** The window is over, and the vault's log has settled. */
const settledMs = 25 * minuteMs;

/** Somebody with our signing identity signs behind our back, beside a token that somebody asked for. */
export async function theft(stack: StackFile): Promise<void> {
  const startedMs = Date.now();
  const audit = await beginAudit(stack, 0);
  const { identityEndpoint, identityHeader } = stack.entra;
  const stolen = { identityEndpoint, identityHeader, clientId: identities.signing.clientId };
  await askAssertion(stack);
  const requestId = await stealSignature(stolen, stack.keyVault.url, stack.keyVault.keyId);
  show("an attacker makes a signature", `request ${requestId}`);
  await report(audit, startedMs, settledMs);
}

/** Keyhold signs, and the row of it is cut from the vault's log. */
export async function logCut(stack: StackFile): Promise<void> {
  const startedMs = Date.now();
  const audit = await beginAudit(stack, 0);
  await askAssertion(stack);
  const rows = (await (await fetch(`${stack.control}/key-vault/audit?operation=KeySign`)).json()) as {
    CorrelationId: string;
  }[];
  const requestId = rows.at(-1)?.CorrelationId ?? "";
  const cut = [{ correlationId: requestId }];
  await fetch(`${stack.control}/azure-monitor/log`, { method: "PUT", body: JSON.stringify({ cut }) });
  show("a row is cut from the vault's log", `request ${requestId}`);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await report(audit, startedMs, 90 * minuteMs);
  await fetch(`${stack.control}/azure-monitor/log`, { method: "PUT", body: JSON.stringify({ cut: [] }) });
}

/** Every signature is accounted for, but there are far more of them than in this hour of other weeks. */
export async function burst(stack: StackFile): Promise<void> {
  const startedMs = Date.now();
  const audit = await beginAudit(stack, 10);
  for (let i = 0; i < 40; i++) await askAssertion(stack, i === 0);
  show("and so on, in one window", "40 in all, usual are 10");
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await report(audit, startedMs, settledMs);
}

/** Nothing is signed at a time when there is always something to sign. */
export async function silence(stack: StackFile): Promise<void> {
  const startedMs = Date.now();
  const audit = await beginAudit(stack, 10);
  show("nobody asks for anything", "usual are 10 signatures in five minutes");
  await report(audit, startedMs, 60 * minuteMs);
}

/** An audit of its own that begins with this window, with so many signatures a window usual at this time. */
async function beginAudit(stack: StackFile, usualSigns: number): Promise<AuditEnvironment> {
  const audit = await prepareAudit(stack, usualSigns);
  await runAuditAsOf(15 * minuteMs, audit);
  return audit;
}

/** What an earlier drill in the same five minutes has done is left out: it was reported there. */
async function report(audit: AuditEnvironment, startedMs: number, aheadMs: number): Promise<void> {
  const alarms = (await runAuditAsOf(aheadMs, audit)).filter(
    ({ event, timeMs }) =>
      (event === "sign_audit_finding" && Number(timeMs) >= startedMs) || event === "sign_rate_abnormal",
  );
  show("the audit, as it will run", `${aheadMs / minuteMs} minutes from now, raises ${alarms.length}`);
  for (const alarm of alarms) show(`  ${nameOf(alarm)}`, JSON.stringify(alarm));
}

function nameOf({ event, finding, verdict }: LoggedEvent): string {
  return event === "sign_audit_finding" ? String(finding) : `sign rate ${verdict}`;
}

async function askAssertion(stack: StackFile, isShown = true): Promise<void> {
  const url = `${stack.control}/stack/caller-token?caller=${callers.sync.name}`;
  const token = await (await fetch(url)).text();
  const response = await fetch(`${stack.keyhold.https}/${stack.tenants.contoso?.tenantId}/assertion`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ client_id: stack.clients[0]?.clientId }),
  });
  if (isShown) show("a caller asks for an assertion", `and is answered with ${response.status}`);
}
