import { type Guid, parseGuid } from "../shared/guid.ts";
import { parseSigningCertificate, type SigningCertificate } from "../signing/certificate.ts";
import type { ClientRule } from "./access-policy.ts";
import type { ClientDocument } from "./document.ts";
import type { PolicyContext, Report } from "./problem.ts";

/** Compiles a client, with its certificates or with a federated identity and no key. */
export function compileClient(
  client: ClientDocument,
  clientId: Guid,
  path: string,
  context: PolicyContext,
  report: Report,
): ClientRule | undefined {
  const rule = { name: client.name, clientId, isActive: client.state === "active" };
  const { managedIdentityFederation: federation } = client;
  if ((federation === undefined) === (client.certificates === undefined)) {
    report(path, "must have either certificates or managedIdentityFederation, not both");
    return undefined;
  }
  if (federation) {
    const identityClientId = parseGuid(federation.identityClientId);
    const identityObjectId = parseGuid(federation.identityObjectId);
    if (!identityClientId) report(`${path}.managedIdentityFederation.identityClientId`, "must be a GUID");
    if (!identityObjectId) report(`${path}.managedIdentityFederation.identityObjectId`, "must be a GUID");
    if (!identityClientId || !identityObjectId) return undefined;
    return { ...rule, certificates: [], federation: { identityClientId, identityObjectId } };
  }
  const certificates: SigningCertificate[] = [];
  client.certificates?.forEach((document, i) => {
    const certificate = parseSigningCertificate(document.keyId, document.certificate, context.cloud);
    if (Array.isArray(certificate)) {
      for (const rule of certificate) report(`${path}.certificates[${i}]`, rule);
      return;
    }
    if (certificates.some(({ x5tS256 }) => x5tS256 === certificate.x5tS256)) {
      report(`${path}.certificates[${i}]`, "must not be listed twice");
    }
    certificates.push(certificate);
  });
  return { ...rule, certificates };
}
