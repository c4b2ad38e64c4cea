import { createHash } from "node:crypto";
import type { StartDeadline } from "../shared/retry.ts";
import type { SigningCertificate } from "../signing/certificate.ts";
import type { AccountablePorts } from "../signing/ports.ts";
import { signAccountably } from "../signing/sign.ts";
import { buildIdpDocument } from "./idp-document.ts";
import { type FederationRecord, type IdpRecord, keyLifetimeMs, type LastKnownGood } from "./last-known-good.ts";
import type { SignXml, VerifyFederationMetadata } from "./ports.ts";

export interface PublisherPorts extends AccountablePorts {
  verifyFederationMetadata: VerifyFederationMetadata;
  signXml: SignXml;
  startDeadline: StartDeadline;
  instance: string;
}

/** A relying party that hears nothing from us stops after a week; within it there is time to see to it. */
const validityMs = 7 * 86_400_000;
const signDeadlineMs = 10_000;

/**
 * Makes the re-signed document anew where the metadata or the publisher's certificate changed, or half of its time is
 * over: once per change and not per request. Metadata that was not confirmed for a day is not vouched for again.
 */
export function createIdpPublisher(ports: PublisherPorts) {
  return async (
    next: LastKnownGood,
    source: string,
    publisher: SigningCertificate | undefined,
    nowMs: number,
  ): Promise<LastKnownGood> => {
    const { federation, idp } = next;
    if (!publisher || !federation || nowMs - federation.verifiedAtMs >= keyLifetimeMs) return next;
    const isCurrent =
      idp?.madeFromSha256 === federation.sha256 &&
      idp.publisherX5tS256 === publisher.x5tS256 &&
      idp.validUntilMs - nowMs > validityMs / 2;
    if (isCurrent) return next;
    const record = await publish(federation, source, publisher, nowMs + validityMs, ports);
    return record ? { ...next, idp: record } : next;
  };
}

async function publish(
  federation: FederationRecord,
  source: string,
  publisher: SigningCertificate,
  validUntilMs: number,
  ports: PublisherPorts,
): Promise<IdpRecord | undefined> {
  // Read again from the bytes, through the same door as when they came.
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
    const { signal } = ports.startDeadline(signDeadlineMs);
    const { signature, ledgerId, vaultRequestId } = await signAccountably(reason, publisher, build, ports, signal);
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
