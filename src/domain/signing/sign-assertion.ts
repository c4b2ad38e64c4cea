import type { Cloud } from "../shared/cloud.ts";
import type { Guid } from "../shared/guid.ts";
import type { Deadline } from "../shared/retry.ts";
import type { Scope } from "../shared/scope.ts";
import type { SigningCertificate } from "./certificate.ts";
import { buildClientAssertion } from "./client-assertion.ts";
import type { AccountablePorts } from "./ports.ts";
import { type SignReason, signAccountably } from "./sign.ts";

/** An assertion for a caller with a grant, or for one of our own canaries. */
export interface SignOrder {
  purpose: "token" | "assertion" | "canary";
  /** Without an object id the caller is Keyhold itself. */
  caller: { objectId?: Guid; name: string };
  clientId: Guid;
  tenantId: Guid;
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
 * Makes an assertion: intent -> build -> vault signs -> check. `clockOffsetMs`: how far Entra's clock is ahead of ours.
 */
export async function signAssertion(
  order: SignOrder,
  certificate: SigningCertificate,
  ports: AccountablePorts,
  deadline: Deadline,
  clockOffsetMs: number,
): Promise<SignedAssertion> {
  const { clientId, tenantId, cloud } = order;
  const build = () =>
    buildClientAssertion(certificate, {
      cloud,
      clientId,
      tenantId,
      nowSeconds: Math.floor((ports.clock() + clockOffsetMs) / 1000),
    });
  const { signed, signature, ...rest } = await signAccountably(
    reasonOf(order),
    certificate,
    build,
    ports,
    deadline.signal,
  );
  const clientAssertion = `${signed.signingInput}.${Buffer.from(signature).toString("base64url")}`;
  return { ...rest, clientAssertion, expiresAt: signed.expiresAt };
}

/** What the ledger records of an order. */
export function reasonOf({ purpose, caller, clientId, tenantId, scope, instance }: SignOrder): SignReason {
  return {
    purpose,
    ...(caller.objectId === undefined ? {} : { callerObjectId: caller.objectId }),
    callerName: caller.name,
    clientId,
    tenantId,
    ...(scope === undefined ? {} : { scope }),
    instance,
  };
}
