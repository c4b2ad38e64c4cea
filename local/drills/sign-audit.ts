/** Drills for the audit: a theft, a log that was cut, too many signatures, and none. */
import { setTimeout as sleep } from "node:timers/promises";
import { settleMs, windowMs } from "../../src/domain/audit/sign-rate.ts";
import { callers, identities } from "../stack/world.ts";
import { type AuditEnvironment, type LoggedEvent, prepareAudit, runAuditAsOf } from "./audit-as-of.ts";
import { type StackFile, show } from "./running-stack.ts";
import { stealSignature } from "./thief.ts";

const minuteMs = 60_000;
/** Added after the settled window, so that the start time of the audit does not matter. */
const marginMs = windowMs / 2;
const startOfWindow = (timeMs: number) => Math.floor(timeMs / windowMs) * windowMs;

/** An attacker with our signing identity signs without Keyhold, while a caller asks for a token. */
export async function theft(stack: StackFile): Promise<void> {
  const startedMs = Date.now();
  const audit = await beginAudit(stack, 0, startedMs);
  const { identityEndpoint, identityHeader } = stack.entra;
  const stolen = { identityEndpoint, identityHeader, clientId: identities.signing.clientId };
  await askAssertion(stack);
  const requestId = await stealSignature(stolen, stack.keyVault.url, stack.keyVault.keyId);
  show("an attacker makes a signature", `request ${requestId}`);
  await report(audit, startedMs, whenSettled(Date.now()));
}

/** Keyhold signs, and the row of the signature is cut from the vault's log. The row cannot be restored. */
export async function logCut(stack: StackFile): Promise<void> {
  const startedMs = Date.now();
  const audit = await beginAudit(stack, 0, startedMs);
  await askAssertion(stack);
  const rows = (await (await fetch(`${stack.control}/key-vault/audit?operation=KeySign`)).json()) as {
    CorrelationId: string;
  }[];
  const requestId = rows.at(-1)?.CorrelationId ?? "";
  const log = `${stack.control}/azure-monitor/log`;
  const { cut: before } = (await (await fetch(log)).json()) as { cut: object[] };
  await fetch(log, { method: "PUT", body: JSON.stringify({ cut: [...before, { correlationId: requestId }] }) });
  show("a row is cut from the vault's log", `request ${requestId}`);
  await pause(1_000, "for the outcome in the ledger");
  await report(audit, startedMs, whenSettled(Date.now()) + 65 * minuteMs);
}

const burstSigns = 40;
/** Long enough for all of them. */
const burstMs = 45_000;

/** Every signature is accounted for, but there are far more than in this hour of other weeks. */
export async function burst(stack: StackFile): Promise<void> {
  const leftMs = startOfWindow(Date.now()) + windowMs - Date.now();
  if (leftMs < burstMs) await pause(leftMs, "for the next window of five minutes: all signatures must fall into one");
  const startedMs = Date.now();
  const audit = await beginAudit(stack, 10, startedMs);
  for (let i = 0; i < burstSigns; i++) await askAssertion(stack, i === 0);
  show("and so on, in one window", `${burstSigns} in all, usual are 10`);
  await pause(1_000, "for the outcomes in the ledger");
  await report(audit, startedMs, whenSettled(startedMs));
}

/** Nothing is signed at a time when there is usually something to sign. */
export async function silence(stack: StackFile): Promise<void> {
  // The current window may contain other signatures, so the silence begins with the next one.
  const firstMs = startOfWindow(Date.now()) + windowMs;
  const audit = await beginAudit(stack, 10, firstMs);
  show("nobody asks for anything", "usual are 10 signatures in five minutes");
  await report(audit, firstMs, whenSettled(firstMs) + 40 * minuteMs);
}

/** The time when that window is over and the vault's log has settled. Milliseconds since 1970. */
function whenSettled(timeMs: number): number {
  return startOfWindow(timeMs) + windowMs + settleMs + marginMs;
}

/** Begins a separate audit with the window of `firstMs`; `usualSigns` is the usual number per window. */
async function beginAudit(stack: StackFile, usualSigns: number, firstMs: number): Promise<AuditEnvironment> {
  const audit = await prepareAudit(stack, usualSigns, firstMs);
  await runAuditAsOf(startOfWindow(firstMs) + settleMs + marginMs - Date.now(), audit);
  return audit;
}

/** Excludes what an earlier drill did in the same window, because it was reported there. */
async function report(audit: AuditEnvironment, startedMs: number, asOfMs: number): Promise<void> {
  const aheadMs = asOfMs - Date.now();
  const alarms = (await runAuditAsOf(aheadMs, audit)).filter(
    ({ event, timeMs }) =>
      (event === "sign_audit_finding" && Number(timeMs) >= startedMs) || event === "sign_rate_abnormal",
  );
  show("the audit, as it will run", `${Math.round(aheadMs / minuteMs)} minutes from now, raises ${alarms.length}`);
  const auditTable = new URL(audit.settings.KEYHOLD_AUDIT_TABLE_URL ?? "").pathname.slice(1);
  for (const alarm of alarms) {
    show(`  ${nameOf(alarm)}`, JSON.stringify({ ...alarm, auditTable }));
    show("    what to do", `docs/operate/runbook.md#${sectionOf(alarm)}`);
  }
}

/** Prints what it waits for, and how long. */
async function pause(ms: number, what: string): Promise<void> {
  show(`waiting ${Math.ceil(ms / 1000)} s`, what);
  await sleep(ms);
}

function nameOf({ event, finding, verdict }: LoggedEvent): string {
  return event === "sign_audit_finding" ? String(finding) : `sign rate ${verdict}`;
}

const sectionOf = ({ event, finding }: LoggedEvent) =>
  event === "sign_audit_finding" ? String(finding).replaceAll("_", "-") : "sign-rate-abnormal";

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
