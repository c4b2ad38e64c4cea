import type { Cloud } from "../cloud.ts";
import { Fault } from "../fault.ts";
import type { Guid } from "../guid.ts";
import type { SignPurpose } from "../sign-audit/ledger.ts";
import { createLedgerId } from "../sign-audit/ledger-id.ts";
import type { Authorization } from "./access-policy.ts";
import { buildClientAssertion, isSignedBy } from "./client-assertion.ts";
import type { IssuingPorts, VaultSignature } from "./ports.ts";
import type { Deadline } from "./retry.ts";
import type { Scope } from "./scope.ts";
import type { SigningCertificate } from "./signing-certificate.ts";

/** One signature that somebody with a grant asked for. */
export interface SignOrder {
  purpose: SignPurpose;
  authorization: Authorization;
  scope?: Scope;
  cloud: Cloud;
  instance: string;
}

export interface SignedAssertion {
  ledgerId: Guid;
  clientAssertion: string;
  vaultRequestId: string;
  /** Seconds since 1970. */
  expiresAt: number;
}

/**
 * intent -> build -> vault signs -> check. Each call asks the vault once, under an intent of its own (I4). What the
 * vault gives is used only if the asked key version made it for the registered certificate (I5): Entra would refuse
 * anything else, and a wrong key is something to know about.
 */
export async function signAssertion(
  order: SignOrder,
  ports: IssuingPorts,
  deadline: Deadline,
  clockOffsetMs = 0,
): Promise<SignedAssertion> {
  const { caller, client, tenant } = order.authorization;
  const { certificate } = client;
  const timeMs = ports.clock();
  if (timeMs < certificate.notBeforeMs || timeMs >= certificate.notAfterMs) throw new Fault("certificate_not_valid");
  const id = createLedgerId(timeMs);
  await ports.ledger.recordIntent({
    id,
    timeMs,
    purpose: order.purpose,
    callerObjectId: caller.objectId,
    callerName: caller.name,
    clientId: client.clientId,
    tenantId: tenant.tenantId,
    ...(order.scope === undefined ? {} : { scope: order.scope }),
    keyName: certificate.keyName,
    keyVersion: certificate.keyVersion,
    instance: order.instance,
  });
  const nowSeconds = Math.floor((ports.clock() + clockOffsetMs) / 1000);
  const { signingInput, digest, expiresAt } = buildClientAssertion(certificate, {
    cloud: order.cloud,
    clientId: client.clientId,
    tenantId: tenant.tenantId,
    nowSeconds,
  });
  const { signature, requestId } = await signAndCheck(id, certificate, signingInput, digest, ports, deadline);
  const clientAssertion = `${signingInput}.${Buffer.from(signature).toString("base64url")}`;
  return { ledgerId: id, clientAssertion, vaultRequestId: requestId, expiresAt };
}

async function signAndCheck(
  id: Guid,
  certificate: SigningCertificate,
  signingInput: string,
  digest: Uint8Array,
  ports: IssuingPorts,
  deadline: Deadline,
): Promise<VaultSignature> {
  let signed: VaultSignature;
  try {
    signed = await ports.signer.sign({ keyId: certificate.keyId, digest, signal: deadline.signal });
  } catch (error) {
    recordUnsigned(id, error, ports);
    throw error;
  }
  // The vault does not tell names that differ in case only apart.
  const isAskedKey = signed.keyId.toLowerCase() === certificate.keyId.toLowerCase();
  if (!isAskedKey || !isSignedBy(certificate, signingInput, signed.signature)) {
    const fault = "signature_not_ours";
    ports.ledger.recordOutcome(id, { outcome: "signature_discarded", vaultRequestId: signed.requestId, fault });
    throw new Fault(fault, { vaultRequestId: signed.requestId });
  }
  return signed;
}

/** What is no `Fault` is a bug of ours somewhere around the call, so it is not known whether the vault signed. */
function recordUnsigned(id: Guid, error: unknown, ports: IssuingPorts): void {
  const fault = error instanceof Fault ? error : new Fault("signer_unavailable", { maybeSigned: true });
  const { vaultRequestId, maybeSigned } = fault.detail;
  ports.ledger.recordOutcome(id, {
    outcome: maybeSigned ? "maybe_signed" : "not_signed",
    fault: fault.code,
    ...(vaultRequestId === undefined ? {} : { vaultRequestId }),
  });
}
