import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { freePorts } from "../../local/stack/ports.ts";
import { type Stack, type StackOptions, startStack } from "../../local/stack/stack.ts";
import * as world from "../../local/stack/world.ts";

/**
 * A stack for one test file: free ports, a temporary folder, stopped at the end. The timer that runs twice a minute
 * signs, so it runs only when a test runs it.
 */
export async function testStack(options: Partial<StackOptions> = {}): Promise<Stack> {
  const folder = await mkdtemp(join(tmpdir(), "keyhold-"));
  const stack = await startStack({ folder, ports: await freePorts(), disabledTimers: ["checkMetadata"], ...options });
  after(async () => {
    await stack.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return stack;
}

export interface TokenAnswer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** Asks for a token as `billing-service` by default. */
export async function askToken(
  stack: Stack,
  tenantId: string,
  options: { callerToken?: string; scope?: string; url?: string; form?: Record<string, string> } = {},
): Promise<TokenAnswer> {
  const callerToken = options.callerToken ?? (await stack.callerToken("billing"));
  const response = await fetch(`${options.url ?? stack.functions.httpsUrl}/${tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    headers: { authorization: `Bearer ${callerToken}` },
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: world.client.clientId,
      scope: options.scope ?? world.scopes.graph,
      ...options.form,
    }),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as TokenAnswer["body"] };
}

/** The number of successful operations of this kind in the vault. */
export function countOperations(stack: Stack, operation: string): number {
  return stack.keyVault.audit.filter((row) => row.OperationName === operation).length;
}

/** The number of checks, one every 100 ms: a test waits for an expected result even on a slow machine. */
const roundsOfAMinute = 600;

/** Outcomes are written after the answers: waits until no row is open, for at most a minute. */
export async function settledLedgerRows(stack: Stack): Promise<Record<string, unknown>[]> {
  for (let i = 0; i < roundsOfAMinute; i++) {
    const rows = await stack.storage.ledgerRows();
    if (rows.every((row) => row.outcome !== undefined)) return rows;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail("a ledger row stayed open");
}

/** The last event that each timer writes. */
const lastEvents = {
  checkCredentials: "credentials_checked",
  recordSignRate: "sign_audit_(?:finished|failed)",
  refreshMetadata: "metadata_refresh_finished",
};

/** Runs a timer's function now, and waits until all its events are written. */
export async function runTimer(
  { httpUrl, output }: { httpUrl: string; output(): string },
  name: keyof typeof lastEvents,
): Promise<void> {
  const before = output().length;
  const response = await fetch(`${httpUrl}/admin/functions/${name}?wait=true`, { method: "POST", body: "{}" });
  assert.equal(response.ok, true, await response.text());
  await untilWritten({ output: () => output().slice(before) }, new RegExp(`"event":"${lastEvents[name]}"`));
}

/** Waits until the instance has written this. Its output arrives shortly after the answer. */
export async function untilWritten({ output }: { output(): string }, wanted: RegExp): Promise<void> {
  for (let i = 0; i < roundsOfAMinute; i++) {
    if (wanted.test(output())) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`the instance did not write ${wanted}`);
}
