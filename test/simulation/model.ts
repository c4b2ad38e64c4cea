import type { VaultLogRow } from "../../src/domain/audit/vault-log.ts";
import type { CredentialStore } from "../../src/domain/credentials/ports.ts";
import type { KeyholdEvent } from "../../src/domain/events.ts";
import type { IssuingContext } from "../../src/domain/issuing/context.ts";
import type { AccessPolicy } from "../../src/domain/policy/access-policy.ts";
import type { Guid } from "../../src/domain/shared/guid.ts";
import type { SigningCertificate } from "../../src/domain/signing/certificate.ts";
import type { createAuditStore } from "../support/fakes/audit-store.ts";
import type { createFakePolicySource, createFakeSuspensionsSource } from "../support/fakes/policy-source.ts";
import type { LedgerTable, VaultKeys, VaultLog } from "./outside.ts";
import type { Plan } from "./plan.ts";
import type { Random } from "./random.ts";
import type { SharedCache } from "./shared-cache.ts";
import type { VirtualTime } from "./virtual-time.ts";

export const callerToken = "a caller's own token";
/** So few that a cold instance meets it. */
export const budget = { perMinute: 60, perMinutePerCaller: 60 };
export const signingObjectId = "aaaaaaaa-0000-4000-8000-000000000001";
/** A process of the app: the real domain, with ports that lead into the world. Dead: none of its waits ever ends. */
export interface Instance {
  name: string;
  isAlive: boolean;
  /** Milliseconds that its clock is ahead. */
  offsetMs: number;
  context: IssuingContext;
  /** With a clock that is so much further ahead. */
  audit(aheadMs?: number): Promise<void>;
  checkCredentials(): Promise<void>;
  /** Tokens that callers got here, by key: when the last one expires. For invariant I3. */
  served: Map<string, number>;
}

/** A row of the vault's log, and what really happened. */
export interface Truth {
  row: VaultLogRow;
  /** A forged row of the ledger says in every detail that it was Keyhold: the documentation names it as hidable. */
  isForged?: boolean;
  by: "instance" | "thief" | "stranger";
  /** Whether it ever appears in the log. */
  isLogged: boolean;
}

/** Everything outside the instances, and what the oracles watch. */
export interface World {
  plan: Plan;
  random: Random;
  time: VirtualTime;
  keys: VaultKeys;
  log: VaultLog;
  ledger: LedgerTable;
  isLedgerDown: boolean;
  auditStore: ReturnType<typeof createAuditStore>;
  credentialStore: CredentialStore;
  policySource: ReturnType<typeof createFakePolicySource>;
  suspensionsSource: ReturnType<typeof createFakeSuspensionsSource>;
  sharedCache: SharedCache;
  tenants: readonly Guid[];
  /** Whose token Entra has issued. */
  tenantOfToken: Map<string, Guid>;
  instances: Instance[];
  truths: Truth[];
  /** Signatures under an open intent as the audit reported them: request id and time, and the intents. */
  covered: Map<string, Set<string>>;
  /** Requests to the vault whose answer got lost. */
  cutConnections: { instance: string; keyVersion: string; timeMs: number }[];
  /** By somebody who can write the table: request ids of rows without a signature, and of signatures whose row they deleted. */
  forgery: { invented: Set<string>; deleted: Set<string> };
  violations: string[];
  signatures: number;
  mints: Map<string, number[]>;
  crashChance: number;
  /** Hash of everything that happened, in its order: one seed is one run. */
  trace(): string;
  crash(instance: Instance): void;
  record(instance: Instance, event: KeyholdEvent): void;
  writeLog(row: VaultLogRow, by: Instance | "thief" | "stranger", isForged?: boolean): void;
  onIntent(instance: Instance, keyVersion: string, ledgerId: Guid): void;
  onSign(instance: Instance, keyVersion: string): void;
  start(): Instance;
  policy(certificates: readonly SigningCertificate[]): AccessPolicy;
}
