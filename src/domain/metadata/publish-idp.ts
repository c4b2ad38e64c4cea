import { createHash } from "node:crypto";
import { multiTenants } from "../shared/metadata-source.ts";
import { type RetryPorts, type StartDeadline, withRetry } from "../shared/retry.ts";
import type { SigningCertificate } from "../signing/certificate.ts";
import type { AccountablePorts } from "../signing/ports.ts";
import { signAccountably } from "../signing/sign.ts";
import { buildIdpDocument } from "./idp-document.ts";
import { type FederationRecord, type IdpRecord, keyLifetimeMs, type LastKnownGood } from "./last-known-good.ts";
import type { SignXml, VerifyFederationMetadata } from "./ports.ts";

export interface PublisherPorts extends AccountablePorts, RetryPorts {
  verifyFederationMetadata: VerifyFederationMetadata;
  signXml: SignXml;
  startDeadline: StartDeadline;
  instance: string;
}

/** Milliseconds. Signed again once a day, a document is always valid for 6 to 7 more days: enough time for a repair. */
const validityMs = 7 * 86_400_000;
const renewalMs = 86_400_000;
const signDeadlineMs = 10_000;

/**
 * Signs `idp.xml` again where the metadata or the publisher's certificate changed, or a day has passed; never per
 * request. Retries once where that may help. A source without a tenant of its own has no `idp.xml`. Metadata that was
 * not confirmed for a day is not signed again.
 */
export function createIdpPublisher(ports: PublisherPorts) {
  return async (
    next: LastKnownGood,
    source: string,
    publisher: SigningCertificate | undefined,
    nowMs: number,
  ): Promise<LastKnownGood> => {
    const { federation, idp } = next;
    if (!publisher || !federation || !isPublishable(source) || nowMs - federation.verifiedAtMs >= keyLifetimeMs)
      return next;
    const isCurrent =
      idp?.madeFromSha256 === federation.sha256 &&
      idp.publisherX5tS256 === publisher.x5tS256 &&
      idp.validUntilMs - nowMs > validityMs - renewalMs;
    if (isCurrent) return next;
    const record = await publish(federation, source, publisher, nowMs + validityMs, ports);
    return record ? { ...next, idp: record } : next;
  };
}

/** A SAML identity provider belongs to one tenant. `source`: the name of a metadata source. */
export function isPublishable(source: string): boolean {
  return !multiTenants.some((name) => name === source);
}

async function publish(
  federation: FederationRecord,
  source: string,
  publisher: SigningCertificate,
  validUntilMs: number,
  ports: PublisherPorts,
): Promise<IdpRecord | undefined> {
  // The stored bytes are verified again, by the same checks as on arrival.
  const verified = await ports.verifyFederationMetadata(Buffer.from(federation.body, "base64"));
  if (!verified.ok) return undefined;
  const id = `_${createHash("sha256").update(`${federation.sha256} ${validUntilMs}`).digest("hex").slice(0, 32)}`;
  const unsigned = buildIdpDocument(verified.value, { id, validUntilMs });
  const reason = {
    purpose: "publication" as const,
    callerName: "keyhold",
    metadataSource: source,
    instance: ports.instance,
  };
  const signedXml = await ports.signXml(unsigned, publisher.der, async (bytes) => {
    const build = () => ({ algorithm: "RS256" as const, bytes });
    const deadline = ports.startDeadline(signDeadlineMs);
    const attempt = () => signAccountably(reason, publisher, build, ports, deadline.signal);
    const { signature, ledgerId, vaultRequestId } = await withRetry(attempt, ports, deadline);
    ports.ledger.recordOutcome(ledgerId, { outcome: "published", vaultRequestId });
    return signature;
  });
  const body = Buffer.from(signedXml);
  return {
    body: body.toString("base64"),
    sha256: createHash("sha256").update(body).digest("hex"),
    madeFromSha256: federation.sha256,
    publisherX5tS256: publisher.x5tS256,
    validUntilMs,
  };
}
