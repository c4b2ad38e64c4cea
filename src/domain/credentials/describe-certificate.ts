import type { SigningCertificate } from "../signing/certificate.ts";

/** How events name a certificate: as the vault and Entra's portal do, without the vault's host. */
export interface CertificateFacts {
  keyName: string;
  keyVersion: string;
  /** SHA-1 in upper-case hexadecimal, as Entra's portal shows it. */
  thumbprint: string;
}

/** What events and the ledger say of a certificate: no key URL, which would name the vault (I6). */
export function describeCertificate({ keyName, keyVersion, thumbprint }: SigningCertificate): CertificateFacts {
  return { keyName, keyVersion, thumbprint };
}
