import type { Cloud } from "../cloud.ts";
import type { Guid } from "../guid.ts";
import { type AccountablePorts, signAccountably } from "../sign-audit/accountable-signature.ts";
import type { Authorization } from "./access-policy.ts";
import { buildClientAssertion } from "./client-assertion.ts";
import type { Deadline } from "./retry.ts";
import type { Scope } from "./scope.ts";

/** One assertion that somebody with a grant asked for. */
export interface SignOrder {
  purpose: "token" | "assertion";
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

/** intent -> build -> vault signs -> check. `clockOffsetMs` is how far Entra's clock is ahead of ours. */
export async function signAssertion(
  order: SignOrder,
  ports: AccountablePorts,
  deadline: Deadline,
  clockOffsetMs = 0,
): Promise<SignedAssertion> {
  const { caller, client, tenant } = order.authorization;
  const reason = {
    purpose: order.purpose,
    callerObjectId: caller.objectId,
    callerName: caller.name,
    clientId: client.clientId,
    tenantId: tenant.tenantId,
    ...(order.scope === undefined ? {} : { scope: order.scope }),
    instance: order.instance,
  };
  const build = () =>
    buildClientAssertion(client.certificate, {
      cloud: order.cloud,
      clientId: client.clientId,
      tenantId: tenant.tenantId,
      nowSeconds: Math.floor((ports.clock() + clockOffsetMs) / 1000),
    });
  const { signed, signature, ...rest } = await signAccountably(
    reason,
    client.certificate,
    build,
    ports,
    deadline.signal,
  );
  const clientAssertion = `${signed.signingInput}.${Buffer.from(signature).toString("base64url")}`;
  return { ...rest, clientAssertion, expiresAt: signed.expiresAt };
}
