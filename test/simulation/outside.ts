import { createHash, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { LedgerRow } from "../../src/domain/audit/findings.ts";
import type { VaultLogReader } from "../../src/domain/audit/ports.ts";
import { windowMs } from "../../src/domain/audit/sign-rate.ts";
import type { VaultLogRow } from "../../src/domain/audit/vault-log.ts";
import type { Guid } from "../../src/domain/shared/guid.ts";
import type { SigningCertificate } from "../../src/domain/signing/certificate.ts";
import { signatureBy } from "../support/fakes/signer.ts";
import { carriedOut, groupRefusals, type LoggedRow } from "../support/fakes/vault-log.ts";
import type { Random } from "./random.ts";

/** Small: the same code for a fraction of the time. PSS with SHA-256 needs 528 bits at least (RFC 8017 §9.1.1). */
const modulusLength = 528;

/** A key version with a certificate that only the domain looks at: its fields, no X.509. */
function createCertificate(version: number, nowMs: number): SigningCertificate & { privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength });
  const keyVersion = String(version).repeat(32);
  return {
    keyId: `https://simulated.vault.azure.net/keys/client/${keyVersion}`,
    keyName: "client",
    keyVersion,
    x5tS256: `thumbprint-${version}`,
    thumbprint: `THUMBPRINT${version}`,
    der: Buffer.from(`certificate ${version}`).toString("base64"),
    publicKey,
    privateKey,
    notBeforeMs: nowMs - 86_400_000,
    notAfterMs: nowMs + 400 * 86_400_000,
  };
}

/** The vault's keys. It remembers what it has signed, so that Entra need not verify a second time what the domain has. */
export interface VaultKeys {
  certificates: readonly (SigningCertificate & { privateKey: KeyObject })[];
  /** With the key of that URL. */
  sign(keyId: string, digest: Uint8Array): Uint8Array;
  /** A signature by a key that nobody knows. */
  signWrongly(digest: Uint8Array): Uint8Array;
  /** Whether Entra would accept it: signed with the key of the registered certificate that it names. */
  isSigned(assertion: string): boolean;
}

export function createVaultKeys(nowMs: number): VaultKeys {
  const certificates = [createCertificate(1, nowMs), createCertificate(2, nowMs)];
  const signed = new Map<string, string>();
  let nobodys: KeyObject | undefined;
  const nameOf = (x5tS256: string, digest: Uint8Array) => `${x5tS256} ${Buffer.from(digest).toString("base64url")}`;
  return {
    certificates,
    sign(keyId, digest) {
      const certificate = certificates.find((each) => each.keyId === keyId);
      if (!certificate) throw new TypeError("no such key");
      const signature = signatureBy(certificate.privateKey, digest);
      signed.set(Buffer.from(signature).toString("base64url"), nameOf(certificate.x5tS256, digest));
      return signature;
    },
    signWrongly(digest) {
      nobodys ??= generateKeyPairSync("rsa", { modulusLength }).privateKey;
      return signatureBy(nobodys, digest);
    },
    isSigned(assertion) {
      const [header = "", claims = "", signature = ""] = assertion.split(".");
      const { "x5t#S256": x5tS256 = "" } = JSON.parse(Buffer.from(header, "base64url").toString());
      return signed.get(signature) === nameOf(x5tS256, createHash("sha256").update(`${header}.${claims}`).digest());
    },
  };
}

/** Rows by the window of their time, so that reading a window costs the window. */
export interface VaultLog {
  add(row: VaultLogRow, appearances: readonly { ingestedMs: number; visibleMs: number }[]): void;
  reader(now: () => number): VaultLogReader;
}

export function createLog(signingObjectId: string, logsUserAgents: boolean): VaultLog {
  const rows = new Map<number, LoggedRow[]>();
  const windowOf = (timeMs: number) => Math.floor(timeMs / windowMs) * windowMs;
  /** Windows by when the log took something in. */
  const ingested = new Map<number, Set<number>>();
  return {
    add({ clientInfo, ...facts }, appearances) {
      const row = logsUserAgents && clientInfo !== undefined ? { ...facts, clientInfo } : facts;
      if (!isInScope(row, signingObjectId)) return;
      const startMs = windowOf(row.timeMs);
      const ofWindow = rows.get(startMs) ?? [];
      rows.set(startMs, ofWindow);
      for (const each of appearances) {
        ofWindow.push({ row, ...each });
        const at = windowOf(each.ingestedMs);
        ingested.set(at, (ingested.get(at) ?? new Set()).add(startMs));
      }
    },
    reader(now) {
      const visible = (startMs: number) => (rows.get(startMs) ?? []).filter(({ visibleMs }) => visibleMs <= now());
      const between = (fromMs: number, toMs: number) => {
        const found: VaultLogRow[] = [];
        for (let startMs = windowOf(fromMs); startMs < toMs; startMs += windowMs) {
          for (const { row } of visible(startMs)) if (row.timeMs >= fromMs && row.timeMs < toMs) found.push(row);
        }
        return found;
      };
      return {
        now: async () => now(),
        read: async (fromMs, toMs) => carriedOut(between(fromMs, toMs)),
        refusals: async (fromMs, toMs) => groupRefusals(between(fromMs, toMs)),
        async arrivals(fromMs, toMs) {
          const starts = new Set<number>();
          for (let at = windowOf(fromMs); at < toMs; at += windowMs)
            for (const each of ingested.get(at) ?? []) starts.add(each);
          return [...starts].flatMap((startMs) => {
            const shown = visible(startMs);
            const isTouched = shown.some(({ ingestedMs }) => ingestedMs >= fromMs && ingestedMs < toMs);
            return isTouched ? [{ fromMs: startMs, rows: shown.length }] : [];
          });
        },
      };
    },
  };
}

function isInScope(row: VaultLogRow, signingObjectId: string): boolean {
  return row.httpStatus !== 401 && (row.operation === "KeySign" || row.callerObjectId === signingObjectId);
}

/** When the log takes a row in and shows it: minutes later, sometimes hours, sometimes more than once. */
export function appearancesOf(
  timeMs: number,
  random: Random,
  isLate: boolean,
): { ingestedMs: number; visibleMs: number }[] {
  const lag = () => (isLate && random.chance(0.02) ? random.between(20, 480) : random.between(1, 10)) * 60_000;
  const hidden = () => (isLate && random.chance(0.02) ? random.between(1, 40) * 60_000 : 0);
  return Array.from({ length: isLate && random.chance(0.05) ? random.between(2, 3) : 1 }, () => {
    const ingestedMs = timeMs + lag();
    return { ingestedMs, visibleMs: ingestedMs + hidden() };
  });
}

/** The ledger, by the window of an intent's time. */
export interface LedgerTable {
  rows: Map<Guid, LedgerRow>;
  insert(row: LedgerRow): void;
  delete(row: LedgerRow): void;
  between(fromMs: number, toMs: number): LedgerRow[];
}

export function createLedgerTable(): LedgerTable {
  const rows = new Map<Guid, LedgerRow>();
  const windows = new Map<number, LedgerRow[]>();
  const windowOf = (timeMs: number) => Math.floor(timeMs / windowMs) * windowMs;
  return {
    rows,
    insert(row) {
      rows.set(row.id, row);
      const startMs = windowOf(row.timeMs);
      const ofWindow = windows.get(startMs);
      if (ofWindow) ofWindow.push(row);
      else windows.set(startMs, [row]);
    },
    delete(row) {
      rows.delete(row.id);
      const startMs = windowOf(row.timeMs);
      const left = (windows.get(startMs) ?? []).filter((each) => each !== row);
      windows.set(startMs, left);
    },
    between(fromMs, toMs) {
      const found: LedgerRow[] = [];
      for (let startMs = windowOf(fromMs); startMs < toMs; startMs += windowMs) {
        for (const row of windows.get(startMs) ?? [])
          if (row.timeMs >= fromMs && row.timeMs < toMs) found.push({ ...row });
      }
      return found;
    },
  };
}
