import type { Steps } from "../shared/steps.ts";
import { parseSigningCertificate, type SigningCertificate } from "../signing/certificate.ts";
import type { PublisherCertificate, PublisherRule } from "./access-policy.ts";
import type { PolicyDocument, PublisherDocument } from "./document.ts";
import type { PolicyContext, Report } from "./problem.ts";

/** The publisher's certificates. In a policy with a single key and certificate, that one is active. */
export function publisherCertificates({ keyId, certificate, certificates }: PublisherDocument) {
  if (certificates !== undefined) return keyId === undefined && certificate === undefined ? certificates : undefined;
  if (keyId === undefined || certificate === undefined) return undefined;
  return [{ keyId, certificate, state: "active" as const }];
}

/**
 * Compiles the publisher. Relying parties trust its keys, so a key must never sign both for the publisher and for
 * callers.
 */
export function* compilePublisher(
  { publisher, clients }: PolicyDocument,
  context: PolicyContext,
  report: Report,
): Steps<PublisherRule | undefined> {
  if (!publisher) return undefined;
  const documents = publisherCertificates(publisher);
  if (!documents) {
    report("publisher", "must have either certificates, or keyId and certificate");
    return undefined;
  }
  const isList = publisher.certificates !== undefined;
  const ofClients: SigningCertificate[] = [];
  for (const { keyId, certificate } of clients.flatMap(({ certificates = [] }) => certificates)) {
    yield;
    const client = parseSigningCertificate(keyId, certificate, context.cloud);
    if (!Array.isArray(client)) ofClients.push(client);
  }
  const certificates: PublisherCertificate[] = [];
  for (const [i, { state, ...document }] of documents.entries()) {
    const path = isList ? `publisher.certificates[${i}]` : "publisher";
    const certificate = parseSigningCertificate(document.keyId, document.certificate, context.cloud);
    if (Array.isArray(certificate)) {
      for (const rule of certificate) report(path, rule);
      continue;
    }
    if (ofClients.some((client) => isSameKey(client, certificate)))
      report(`${path}.keyId`, "must not be the key of a client, in any version");
    if (certificates.some(({ x5tS256 }) => x5tS256 === certificate.x5tS256)) report(path, "must not be listed twice");
    certificates.push({ ...certificate, state });
  }
  const active = certificates.find(({ state }) => state === "active");
  if (documents.filter(({ state }) => state === "active").length !== 1) {
    report("publisher.certificates", "must have exactly one with the state active");
  }
  return active && { active, certificates };
}

function isSameKey(one: SigningCertificate, other: SigningCertificate): boolean {
  const keyOf = ({ keyId }: SigningCertificate) => keyId.slice(0, keyId.lastIndexOf("/")).toLowerCase();
  return keyOf(one) === keyOf(other) || one.x5tS256 === other.x5tS256;
}
