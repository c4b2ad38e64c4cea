import { setTimeout as sleep } from "node:timers/promises";
import { decodeJwt } from "jose";
import * as world from "../../local/stack/world.ts";
import type { Random } from "../../local/synthetic-year/random.ts";
import { tokenForm } from "../stand/world.ts";
import type { Clocks } from "./clocks.ts";
import type { Answer, Asked, Truth } from "./truth.ts";

export interface CallerTokens {
  billing: string;
  sync: string;
  visitor: string;
}

export interface TrafficOptions {
  url: string;
  perSecond: number;
  totalMs: number;
  /** Requested repeatedly; the other tenants once each. */
  warm: readonly string[];
  cold: readonly string[];
  /** The current callers' tokens. They change with the keys. */
  callers: () => CallerTokens;
  truth: Truth;
  clocks: Clocks;
  random: Random;
}

export interface Wrong {
  atMs: number;
  what: string;
  asked: Asked;
}

export interface TrafficReport {
  requests: number;
  /** Number of answers by request and result. */
  answers: Record<string, number>;
  wrong: Wrong[];
  /** Milliseconds: the worst answer of each second. */
  worst: [second: number, milliseconds: number][];
  /** The greatest delay of the loop that keeps the rate, in milliseconds. */
  behindMs: number;
}

/** Sends requests at a constant rate, whatever the answers, and checks every answer. */
export async function makeTraffic(options: TrafficOptions): Promise<TrafficReport> {
  const { perSecond, totalMs, truth, clocks } = options;
  const report: TrafficReport = { requests: 0, answers: {}, wrong: [], worst: [], behindMs: 0 };
  const startMs = performance.now();
  const cold = options.cold.values();
  const pending: Promise<void>[] = [];
  const ask = async () => {
    const asked = chooseRequest(options, cold);
    const [fromMs, beganMs] = [clocks.now(), performance.now()];
    const answer = await send(options, asked);
    const [toMs, tookMs] = [clocks.now(), performance.now() - beganMs];
    const second = Math.floor((beganMs - startMs) / 1_000);
    const last = report.worst.find(([known]) => known === second);
    if (last) last[1] = Math.max(last[1], tookMs);
    else report.worst.push([second, tookMs]);
    report.requests += 1;
    const name = `${asked.what}: ${answer.status || answer.error}`;
    report.answers[name] = (report.answers[name] ?? 0) + 1;
    const what = truth.judge(asked, answer, { fromMs, toMs });
    if (what !== undefined) report.wrong.push({ atMs: beganMs - startMs, what, asked });
  };
  for (let i = 0; i < (perSecond * totalMs) / 1_000; i++) {
    const waitMs = startMs + (1_000 * i) / perSecond - performance.now();
    if (waitMs > 1) await sleep(waitMs);
    report.behindMs = Math.max(report.behindMs, -waitMs);
    pending.push(ask());
  }
  await Promise.all(pending);
  return report;
}

type ChosenRequest = Asked & { caller: keyof CallerTokens; tenantId: string };

function chooseRequest({ warm, random }: TrafficOptions, cold: Iterator<string>): ChosenRequest {
  const { contoso, adatum } = world.tenants;
  const dice = random.next();
  const tenantId = warm[Math.floor(random.next() * warm.length)] ?? "";
  if (dice < 0.05) return { what: "token", caller: "billing", tenantId: String(cold.next().value ?? tenantId) };
  if (dice < 0.08) return { what: "assertion", caller: "sync", tenantId: contoso.tenantId };
  if (dice < 0.15) return { what: "not granted", caller: "visitor", tenantId };
  if (dice < 0.2) return { what: "not granted", caller: "billing", tenantId: adatum.tenantId };
  if (dice < 0.25) return { what: "not granted", caller: "billing", tenantId: "43000000-0000-4000-8000-000000000001" };
  if (dice < 0.3) return { what: "forged caller", caller: "billing", tenantId };
  return { what: "token", caller: "billing", tenantId };
}

/** Status 0 means that there was no answer. */
async function send({ url, callers }: TrafficOptions, { what, caller, tenantId }: ChosenRequest): Promise<Answer> {
  const token = callers()[caller];
  const authorization = `Bearer ${what === "forged caller" ? forged(token) : token}`;
  const isAssertion = what === "assertion";
  const body = isAssertion ? new URLSearchParams({ client_id: world.client.clientId }) : tokenForm();
  try {
    const path = isAssertion ? "assertion" : "oauth2/v2.0/token";
    const response = await fetch(`${url}/${tenantId}/${path}`, { method: "POST", headers: { authorization }, body });
    const answered = (await response.json()) as Record<string, unknown>;
    const expiresInSeconds = Number(answered.expires_in);
    if (response.status !== 200) return { status: response.status, error: String(answered.error) };
    const isAsAsked = isAssertion
      ? isAssertionFor(String(answered.client_assertion), tenantId)
      : isTokenFor(String(answered.access_token), tenantId);
    return { status: 200, expiresInSeconds, isAsAsked };
  } catch (error) {
    return { status: 0, error: `no answer (${error instanceof Error ? error.message : error})` };
  }
}

function isTokenFor(token: string, tenantId: string): boolean {
  const { tid, appid, aud } = decodeJwt(token);
  return tid === tenantId && appid === world.client.clientId && aud === world.scopes.graph.replace("/.default", "");
}

function isAssertionFor(assertion: string, tenantId: string): boolean {
  const { iss, aud } = decodeJwt(assertion);
  return iss === world.client.clientId && String(aud).includes(`/${tenantId}/`);
}

/** Changes one character of the signature, so that no key has signed the token. */
function forged(token: string): string {
  const at = token.length - 20;
  return `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
}
