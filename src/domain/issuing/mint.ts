import type { ClientRule } from "../policy/access-policy.ts";
import { Fault } from "../shared/fault.ts";
import type { Guid } from "../shared/guid.ts";
import type { Result } from "../shared/result.ts";
import { type Deadline, partDeadline, withRetry } from "../shared/retry.ts";
import type { SigningCertificate } from "../signing/certificate.ts";
import { type SignedAssertion, type SignOrder, signAssertion } from "../signing/sign-assertion.ts";
import { exchange, type MintedToken, type TokenOrder } from "./exchange.ts";
import type { IssuingPorts } from "./ports.ts";
import { presentIdentity } from "./present-identity.ts";
import type { TenantRefusal } from "./refusal.ts";

/**
 * Milliseconds for vault, Entra, ledger and all retries together. Far below the host's function timeout (host.json).
 */
export const mintDeadlineMs = 20_000;
/**
 * Mints a token: one signature and one exchange, with the certificate that signs now. If Entra rejects the certificate,
 * the other registered ones are tried. After a disabled key version they are not, because somebody disabled it on
 * purpose.
 */
export async function mint(order: TokenOrder, ports: IssuingPorts): Promise<Result<MintedToken, TenantRefusal>> {
  const { client } = order;
  const deadline = ports.startDeadline(mintDeadlineMs);
  if (client.federation) return mintWithIdentity(client.federation.identityClientId, order, ports, deadline);
  const certificate = ports.credentials.certificateOf(client, ports.clock());
  if (!certificate) throw new Fault("certificate_not_valid");
  try {
    return await mintWith(certificate, order, ports, deadline);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "credential_rejected") throw error;
    return mintWithAnother(certificate, error, order, ports, deadline);
  }
}

/** @throws `rejection`, the fault of the certificate that should sign, if no other certificate is accepted either */
async function mintWithAnother(
  refused: SigningCertificate,
  rejection: Fault,
  order: TokenOrder,
  ports: IssuingPorts,
  deadline: Deadline,
): Promise<Result<MintedToken, TenantRefusal>> {
  const { credentials, clock } = ports;
  credentials.noteRefused(order.client, refused, clock());
  for (const other of credentials.alternativesTo(refused, order.client, clock())) {
    try {
      const minted = await mintWith(other, order, ports, deadline);
      const { codes = [] } = rejection.detail;
      credentials.noteFallback(order.client, { refused, accepted: other, codes }, clock());
      return minted;
    } catch (error) {
      if (!(error instanceof Fault) || !ofOneCertificate.has(error.code)) throw error;
      if (error.code === "credential_rejected") credentials.noteRefused(order.client, other, clock());
    }
  }
  throw rejection;
}

/** Failures that another certificate may avoid. */
const ofOneCertificate: ReadonlySet<Fault["code"]> = new Set(["credential_rejected", "signer_key_disabled"]);

/**
 * Signs an assertion with this certificate and exchanges it at Entra. A retried exchange uses the same assertion, so
 * throttling costs no signature. If Entra says that our clock is off, the offset is measured and one more assertion is
 * signed.
 */
export async function mintWith(
  certificate: SigningCertificate,
  order: TokenOrder,
  ports: IssuingPorts,
  deadline: Deadline = ports.startDeadline(mintDeadlineMs),
): Promise<Result<MintedToken, TenantRefusal>> {
  const signed = await signWith(certificate, order, ports, deadline);
  const first = await exchange(order, signed, ports, deadline);
  if (!("clockOffsetMs" in first)) return first;
  const signedAgain = await signWith(certificate, order, ports, deadline, first.clockOffsetMs);
  const second = await exchange(order, signedAgain, ports, deadline);
  if ("clockOffsetMs" in second) throw new Fault("clock_skewed", { codes: second.codes });
  return second;
}

/**
 * Entra's numbers for an assertion whose signature it does not accept. For an identity's token this means that the
 * signing key was withdrawn.
 */
const invalidSignature: ReadonlySet<number> = new Set([50012, 50013, 700027]);

/**
 * Mints with a managed identity's token. Its times are Entra's own, so clock skew cannot be corrected here. If Entra
 * rejects its signature and the identity has another token, that one is tried once.
 */
async function mintWithIdentity(
  identityClientId: Guid,
  order: TokenOrder,
  ports: IssuingPorts,
  deadline: Deadline,
): Promise<Result<MintedToken, TenantRefusal>> {
  const present = () => presentIdentity(order, identityClientId, ports, partDeadline(deadline, ports));
  const exchangeFor = async (presented: Awaited<ReturnType<typeof present>>) => {
    const minted = await exchange(order, presented, ports, deadline);
    if ("clockOffsetMs" in minted) throw new Fault("clock_skewed", { codes: minted.codes });
    return minted;
  };
  const presented = await present();
  try {
    return await exchangeFor(presented);
  } catch (error) {
    const codes = error instanceof Fault && error.code === "credential_rejected" ? (error.detail.codes ?? []) : [];
    if (!codes.some((code) => invalidSignature.has(code))) throw error;
    if (!(await ports.federatedIdentity.replace(identityClientId, presented.clientAssertion))) throw error;
    return exchangeFor(await present());
  }
}

/**
 * Asks the vault to sign an assertion, with retries if they may help; each attempt has its own intent. Notes in the
 * credentials whether the key version signs or is disabled.
 * @throws Fault `signer_*`, `ledger_unavailable`, `certificate_not_valid`, `signature_not_ours`
 */
export async function signWith(
  certificate: SigningCertificate,
  order: SignOrder & { client: ClientRule },
  ports: IssuingPorts,
  deadline: Deadline,
  clockOffsetMs = 0,
): Promise<SignedAssertion> {
  const own = partDeadline(deadline, ports);
  const sign = () => signAssertion(order, certificate, ports, own, clockOffsetMs);
  try {
    const signed = await withRetry(sign, ports, own);
    ports.credentials.noteSigned(order.client, certificate, ports.clock());
    return signed;
  } catch (error) {
    const isDisabled = error instanceof Fault && error.code === "signer_key_disabled";
    if (isDisabled) ports.credentials.noteDisabled(order.client, certificate, ports.clock());
    throw error;
  }
}
