/**
 * App registrations of the home tenant and the certificates their assertions are checked against. Only public parts
 * are taken; a certificate is found by its thumbprint without a scan.
 */
import { createHash, type KeyObject, X509Certificate } from "node:crypto";

export interface RegisteredCertificate {
  /** base64url of the SHA-256 and of the SHA-1 digest of the certificate. */
  x5tS256: string;
  x5t: string;
  subject: string;
  notBefore: number;
  notAfter: number;
  publicKey: KeyObject;
}

export interface Application {
  clientId: string;
  name: string;
  objectId: string;
  /** By either thumbprint: the two kinds differ in length, so they cannot meet. */
  certificates: Map<string, RegisteredCertificate>;
}

export class ApplicationRegistry {
  #applications = new Map<string, Application>();

  register(app: { clientId: string; name: string; objectId?: string | undefined }): void {
    const clientId = app.clientId.toLowerCase();
    this.#applications.set(clientId, {
      clientId,
      name: app.name,
      objectId: app.objectId ?? deterministicGuid("application", clientId),
      certificates: this.#applications.get(clientId)?.certificates ?? new Map(),
    });
  }

  find(clientId: string): Application | undefined {
    return this.#applications.get(clientId.toLowerCase());
  }

  list(): Application[] {
    return [...this.#applications.values()];
  }

  registerCertificate(clientId: string, pem: string): RegisteredCertificate {
    if (pem.includes("PRIVATE KEY")) throw new Error("register the certificate alone, without its private key");
    const certificate = read(pem);
    const { certificates } = this.#require(clientId);
    certificates.set(certificate.x5tS256, certificate);
    certificates.set(certificate.x5t, certificate);
    return certificate;
  }

  removeCertificate(clientId: string, x5tS256: string): void {
    const { certificates } = this.#require(clientId);
    const certificate = certificates.get(x5tS256);
    if (certificate === undefined) throw new Error(`no certificate ${x5tS256} is registered on ${clientId}`);
    certificates.delete(certificate.x5tS256);
    certificates.delete(certificate.x5t);
  }

  #require(clientId: string): Application {
    const application = this.find(clientId);
    if (application === undefined) throw new Error(`no application ${clientId} is registered`);
    return application;
  }
}

function read(pem: string): RegisteredCertificate {
  const certificate = new X509Certificate(pem);
  if (certificate.publicKey.asymmetricKeyType !== "rsa") throw new Error("only certificates with an RSA key work");
  return {
    x5tS256: createHash("sha256").update(certificate.raw).digest("base64url"),
    x5t: createHash("sha1").update(certificate.raw).digest("base64url"),
    subject: certificate.subject,
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    publicKey: certificate.publicKey,
  };
}

/** The same GUID for the same parts, so that object ids stay stable over restarts without being stored. */
export function deterministicGuid(...parts: string[]): string {
  const hex = createHash("sha256").update(parts.join("|")).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}
