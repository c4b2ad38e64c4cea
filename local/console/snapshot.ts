/**
 * All data that the page gets: compact, bounded, and without tokens, assertions or key URLs. Types only, shared by the
 * server and the page. Times are milliseconds since 1970.
 */

export interface Snapshot {
  stack: StackState;
  choices: Choices;
  /** Newest first. */
  requests: RequestRow[];
  signatures: SignatureRow[];
  rate: LiveRate;
  keys: MetadataState;
  certificates: CertificateRow[];
  alarms: Alarm[];
  runs: Run[];
}

export interface StackState {
  phase: "starting" | "up" | "failed" | "stopping";
  steps: { what: string; tookMs?: number }[];
  /** The reason why it did not start. */
  problem?: string;
  /** Whether each part runs, by the names of `PUT /stack/services`. */
  services: Record<string, boolean>;
  keyhold?: string;
  control?: string;
}

export interface Choices {
  callers: { name: string; about: string }[];
  tenants: { name: string; tenantId: string; state: string }[];
  scopes: string[];
  /** Commands that do the same as the actions; `{name}` stands for an input. */
  commands: Record<string, string>;
}

export interface RequestRow {
  /** `correlation_id` of the answer. */
  id: string;
  /** When it was answered. */
  timeMs: number;
  durationMs: number;
  operation: string;
  caller: string;
  tenant: string;
  scope: string;
  outcome: "issued" | "refused" | "fault";
  cached: boolean;
  /** Visible to the operator only: the reason of the refusal, or the fault. */
  reason?: string;
  /** Outgoing calls, with times from the start of the request. Absent: not measured yet, or none were made. */
  calls?: Call[];
}

export interface Call {
  to: "ledger" | "vault" | "entra";
  fromMs: number;
  tookMs: number;
  error?: string;
}

/** `pair`: both logs agree. `open`: the outcome is not known yet. */
export type SignatureVerdict = "pair" | "open" | "unsigned" | "refused" | "unaccounted" | "missing";

export interface SignatureRow {
  id: string;
  timeMs: number;
  verdict: SignatureVerdict;
  ledger?: { timeMs: number; purpose: string; caller: string; tenant: string; outcome: string; requestId: string };
  vault?: {
    timeMs: number;
    operation: string;
    status: number;
    requestId: string;
    key: string;
    identity: string;
    client: string;
  };
}

export interface LiveRate {
  /** Start of the first bin. */
  fromMs: number;
  binSeconds: number;
  signs: number[];
  /** The current five minutes, and the usual maximum for them. */
  window: { signs: number; high: number; basis: "history" | "cold-start" };
}

export interface MetadataState {
  /** The keys that the provider publishes right now. Keyhold may not have seen them yet. */
  provider: { kid: string; active: boolean }[];
  sources: MetadataSourceRow[];
}

export interface MetadataSourceRow {
  name: string;
  verifiedAtMs: number;
  changedAtMs: number;
  keys: KeyRow[];
}

export interface KeyRow {
  kid: string;
  state: "announced" | "active" | "published" | "retired";
  firstSeenMs: number;
  lastSeenMs: number;
  firstUsedMs?: number;
  removedMs?: number;
}

export interface CertificateRow {
  client: string;
  thumbprint: string;
  keyVersion: string;
  state: string;
  sinceMs?: number;
  endsMs: number;
  isRegistered: boolean;
  isEnabled: boolean;
  canary?: { atMs: number; ok: boolean; reason?: string };
}

export interface Alarm {
  id: number;
  timeMs: number;
  severity: number;
  /** Section of docs/operate/runbook.md. */
  section: string;
  title: string;
  facts: [string, string][];
  count: number;
  /** How far ahead the clock of the audit that raised it was, in minutes. */
  aheadMinutes?: number;
  /** The rule that would fire in Azure, in words. */
  azure?: string;
  /** Set for findings of the audit, which can be acknowledged. `auditTable`: the table of a drill's own audit. */
  finding?: { id: string; auditTable?: string };
  /** The reason given when it was acknowledged, if it was. */
  acknowledged?: string;
}

export interface Run {
  id: number;
  action: string;
  /** The input of the request. */
  input: Record<string, unknown>;
  title: string;
  state: "running" | "done" | "failed";
  startedMs: number;
  endedMs?: number;
  lines: string[];
}

/** An evaluated year of synthetic traffic (`GET /year`), windows of five minutes; a band holds for an hour. */
export interface Year {
  about: string;
  fromMs: number;
  windowMs: number;
  signs: number[];
  bands: { low: number[]; median: number[]; high: number[] };
  alarms: { index: number; verdict: string; about: string }[];
}

/** `GET /runbook`: sections by name. Texts are plain; a line that begins with a tab is a command or query. */
export type Runbook = Record<string, { severity: number; parts: { heading: string; lines: string[] }[] }>;
