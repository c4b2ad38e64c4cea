import { type Guid, parseGuid } from "../shared/guid.ts";
import { parseSigningCertificate, type SigningCertificate } from "../signing/certificate.ts";
import type { ClientRule } from "./access-policy.ts";
import type { ClientDocument, PolicyDocument } from "./document.ts";
import type { PolicyContext, Report } from "./problem.ts";

/** The parts of the policy that name keys: clients, and the publisher. */
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
  if (certificates.length === 0) return undefined;
  return { ...rule, certificates };
}

/** A key of its own: relying parties trust it, so it must not be one that signs for callers, nor the other way. */
export function compilePublisher(
  { publisher, clients }: PolicyDocument,
  context: PolicyContext,
  report: Report,
): SigningCertificate | undefined {
  if (!publisher) return undefined;
  const certificate = parseSigningCertificate(publisher.keyId, publisher.certificate, context.cloud);
  if (Array.isArray(certificate)) {
    for (const rule of certificate) report("publisher", rule);
    return undefined;
  }
  const ofClients = clients
    .flatMap(({ certificates = [] }) => certificates)
    .map((client) => parseSigningCertificate(client.keyId, client.certificate, context.cloud))
    .filter((client): client is SigningCertificate => !Array.isArray(client));
  const keyOf = ({ keyId }: SigningCertificate) => keyId.slice(0, keyId.lastIndexOf("/")).toLowerCase();
  if (ofClients.some((client) => keyOf(client) === keyOf(certificate) || client.x5tS256 === certificate.x5tS256)) {
    report("publisher.keyId", "must not be the key of a client, in any version");
  }
  return certificate;
}
