import { generateKeyPairSync, type KeyObject, sign as signWith, verify } from "node:crypto";
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
const modulusLength = 768;

/** A key version with a certificate that only the domain looks at: its fields, no X.509. */
export function createCertificate(version: number, nowMs: number): SigningCertificate & { privateKey: KeyObject } {
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

export function signDigest(privateKey: KeyObject, digest: Uint8Array): Uint8Array {
  return signatureBy(privateKey, digest);
}

/** A signature by a key that nobody knows. */
export function wrongSignature(digest: Uint8Array): Uint8Array {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength });
  return signWith("sha256", digest, privateKey);
}

/** Whether Entra would accept it: signed by one of the certificates that are registered. */
export function isSignedByOneOf(certificates: readonly SigningCertificate[], assertion: string): boolean {
  const [header = "", claims = "", signature = ""] = assertion.split(".");
  const { "x5t#S256": x5tS256 } = JSON.parse(Buffer.from(header, "base64url").toString()) as Record<string, string>;
  const certificate = certificates.find((each) => each.x5tS256 === x5tS256);
  const bytes = Buffer.from(`${header}.${claims}`);
  const key = certificate && { key: certificate.publicKey, padding: 6, saltLength: 32 };
  return Boolean(key && verify("sha256", bytes, key, Buffer.from(signature, "base64url")));
}

/** Rows by the window of their time, so that reading a window costs the window. */
export interface VaultLog {
  rows: Map<number, LoggedRow[]>;
  add(row: VaultLogRow, appearances: readonly { ingestedMs: number; visibleMs: number }[]): void;
  reader(now: () => number, logsUserAgents: boolean): VaultLogReader;
}

export function createLog(signingObjectId: string): VaultLog {
  const rows = new Map<number, LoggedRow[]>();
  const windowOf = (timeMs: number) => Math.floor(timeMs / windowMs) * windowMs;
  /** Windows by when the log took something in. */
  const ingested = new Map<number, Set<number>>();
  return {
    rows,
    add(row, appearances) {
      const startMs = windowOf(row.timeMs);
      const ofWindow = rows.get(startMs) ?? [];
      rows.set(startMs, ofWindow);
      for (const each of appearances) {
        ofWindow.push({ row: { ...row }, ...each });
        const at = windowOf(each.ingestedMs);
        ingested.set(at, (ingested.get(at) ?? new Set()).add(startMs));
      }
    },
    reader(now, logsUserAgents) {
      const visible = (startMs: number) =>
        (rows.get(startMs) ?? [])
          .filter(({ row, visibleMs }) => visibleMs <= now() && isInScope(row, signingObjectId))
          .map(({ row: { clientInfo, ...row }, ingestedMs }) => ({
            ingestedMs,
            row: logsUserAgents && clientInfo !== undefined ? { ...row, clientInfo } : row,
          }));
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
      windows.set(startMs, [...(windows.get(startMs) ?? []), row]);
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
