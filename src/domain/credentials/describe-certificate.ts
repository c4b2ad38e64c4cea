import type { SigningCertificate } from "../signing/certificate.ts";

/** How events name a certificate: as the vault and Entra's portal do, without the vault's host. */
export interface CertificateFacts {
  keyName: string;
  keyVersion: string;
  /** SHA-1 in upper-case hexadecimal, as Entra's portal shows it. */
  thumbprint: string;
}

export function describeCertificate({ keyName, keyVersion, thumbprint }: SigningCertificate): CertificateFacts {
  return { keyName, keyVersion, thumbprint };
}
