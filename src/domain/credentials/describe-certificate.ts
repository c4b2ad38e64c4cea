import type { SigningCertificate } from "../signing/certificate.ts";

/** A certificate as named in events: by its names in the vault and in Entra's portal, without the vault's host. */
export interface CertificateFacts {
  keyName: string;
  keyVersion: string;
  /** SHA-1 in upper-case hexadecimal, as Entra's portal shows it. */
  thumbprint: string;
}

/** What events and the ledger contain about a certificate. No key URL, because it names the vault (I6). */
export function describeCertificate({ keyName, keyVersion, thumbprint }: SigningCertificate): CertificateFacts {
  return { keyName, keyVersion, thumbprint };
}
