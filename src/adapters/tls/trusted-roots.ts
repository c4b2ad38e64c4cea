/**
 * The certificate authorities that are trusted for the identity provider: a closed set, checked as a whole at the
 * start. The checks reject a bundle that trusts more than intended (an intermediate, a server's own certificate), and
 * one that Node would silently misread: Node drops everything after a broken block, and interprets an empty `ca` as its
 * default store. This file fetches nothing, does not read the machine's store, and never repeats the content of a
 * bundle.
 */
import { X509Certificate } from "node:crypto";
import { type VendoredRoot, vendoredRootList } from "./vendored-roots.ts";

export class TrustedRootsError extends Error {
  override readonly name = "TrustedRootsError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the trusted roots are not usable:\n${problems.map((text) => `  - ${text}`).join("\n")}`);
    this.problems = problems;
  }
}

/**
 * The certificates of a PEM bundle (RFC 7468), each encoded again from the checked certificate. Throws one
 * `TrustedRootsError` with all problems, by block number and rule, also if there is no certificate. `nowMs`:
 * milliseconds since 1970.
 */
export function parseTrustedRoots(pem: string, nowMs: number): string[] {
  const { blocks, problems } = splitPem(pem);
  const seen = new Map<string, number>();
  const roots: string[] = [];
  for (const [index, block] of blocks.entries()) {
    const number = index + 1;
    const certificate = readCertificate(block);
    const rules = typeof certificate === "string" ? [certificate] : brokenRules(certificate, nowMs);
    if (typeof certificate !== "string") {
      const first = seen.get(certificate.fingerprint256);
      if (first !== undefined) rules.push(`is the same certificate as block ${first}`);
      else seen.set(certificate.fingerprint256, number);
      roots.push(certificate.toString());
    }
    problems.push(...rules.map((rule) => `block ${number} ${rule}`));
  }
  if (blocks.length === 0) problems.push("there is no certificate");
  if (problems.length > 0) throw new TrustedRootsError(problems);
  return roots;
}

/**
 * The vendored roots. The same rules apply, and each must have the listed SHA-256. An expired root is left out instead
 * of refused: nothing can be verified with it, and a date must not prevent every start.
 */
export function vendoredRoots(nowMs: number, list: readonly VendoredRoot[] = vendoredRootList): string[] {
  const problems = list
    .filter(({ pem, sha256 }) => fingerprintOf(pem) !== sha256)
    .map(({ commonName }) => `${commonName} is not the certificate that its SHA-256 fingerprint names`);
  if (problems.length > 0) throw new TrustedRootsError(problems);
  const current = list.filter(({ pem }) => new X509Certificate(pem).validToDate.getTime() > nowMs);
  return parseTrustedRoots(current.map(({ pem }) => pem).join(""), nowMs);
}

function fingerprintOf(pem: string): string | undefined {
  try {
    return new X509Certificate(pem).fingerprint256.replaceAll(":", "");
  } catch {
    return undefined;
  }
}

interface PemBlock {
  label: string;
  base64: string;
}

/** Splits a text into its blocks, in one pass. Anything else but white space is a problem. */
function splitPem(text: string): { blocks: PemBlock[]; problems: string[] } {
  const blocks: PemBlock[] = [];
  const problems: string[] = [];
  let open: string | undefined;
  let position = 0;
  const outside = (end: number) => {
    if (text.slice(position, end).trim() !== "") {
      problems.push(
        `there is text that is no certificate ${blocks.length === 0 ? "before block 1" : `after block ${blocks.length}`}`,
      );
    }
  };
  for (const marker of text.matchAll(/-----(BEGIN|END) ([A-Z0-9 ]{1,64})-----/g)) {
    const [{ length }, kind, label = ""] = marker;
    if (kind === "END" && label === open) {
      blocks.push({ label, base64: text.slice(position, marker.index).trim() });
      open = undefined;
    } else {
      if (open === undefined) outside(marker.index);
      if (open !== undefined || kind === "END")
        problems.push(`block ${blocks.length + 1} does not begin and end properly`);
      open = kind === "BEGIN" ? label : undefined;
    }
    position = marker.index + length;
  }
  if (open !== undefined) problems.push(`block ${blocks.length + 1} does not begin and end properly`);
  else outside(text.length);
  return { blocks, problems };
}

/** The certificate of a block, or the rule that it breaks. */
function readCertificate({ label, base64 }: PemBlock): X509Certificate | string {
  if (label.endsWith("PRIVATE KEY")) return "is a private key: a secret that does not belong here";
  if (label !== "CERTIFICATE") return "is not a certificate";
  const der = Buffer.from(base64, "base64");
  try {
    const certificate = new X509Certificate(der);
    // The block must contain only the certificate. OpenSSL ignores bytes after it.
    const isExact = certificate.raw.equals(der) && base64.replace(/\s/g, "") === der.toString("base64");
    return isExact ? certificate : "holds more than a certificate";
  } catch {
    return "cannot be read as a certificate";
  }
}

function brokenRules(certificate: X509Certificate, nowMs: number): string[] {
  const rules: string[] = [];
  if (!certificate.ca) rules.push("is not the certificate of an authority (CA)");
  if (!isSelfSigned(certificate)) rules.push("is not a root: it is not signed by itself");
  if (certificate.validFromDate.getTime() > nowMs) rules.push("is not valid yet");
  if (certificate.validToDate.getTime() <= nowMs) rules.push("has expired");
  return rules;
}

function isSelfSigned(certificate: X509Certificate): boolean {
  try {
    return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
  } catch {
    return false;
  }
}
