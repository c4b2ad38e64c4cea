/**
 * The proof of possession for `addKey`: a JWT signed with an existing certificate of the application. A vault that
 * signs a digest cannot distinguish it from a client assertion, so any identity that may sign can add a key of its own
 * (T8).
 */
import type { Application } from "../entra/application-registry.ts";
import { type Assertion, decodeAssertion } from "../entra/client-assertion.ts";
import { isSignedBy } from "../entra/client-assertion-check.ts";
import { proofRefused } from "./error.ts";

/** The documented audience, although the id is that of Graph's predecessor. */
const proofAudience = "00000002-0000-0000-c000-000000000000";
/** "Should not be more than 10 minutes". That a longer lifetime is refused is our reading. */
const longestSeconds = 600;
const skewSeconds = 300;

/** @throws the one error that Graph returns for every bad proof. */
export function checkProof(proof: unknown, application: Application, nowMs: number): void {
  const { header, claims, ...signed } = decode(proof);
  const { alg } = header;
  if (alg !== "PS256" && alg !== "RS256") throw proofRefused();
  const thumbprint = header["x5t#S256"] ?? header.x5t;
  const certificate = typeof thumbprint === "string" ? application.certificates.get(thumbprint) : undefined;
  if (!certificate || nowMs < certificate.notBefore || nowMs > certificate.notAfter) throw proofRefused();
  if (!isSignedBy({ header, claims, ...signed }, alg, certificate.publicKey)) throw proofRefused();
  const { aud, iss, nbf, exp } = claims;
  const isFor = aud === proofAudience && iss === application.objectId;
  if (!isFor || typeof nbf !== "number" || typeof exp !== "number") throw proofRefused();
  const nowSeconds = nowMs / 1000;
  if (nbf > nowSeconds + skewSeconds || exp <= nowSeconds || exp - nbf > longestSeconds) throw proofRefused();
}

function decode(proof: unknown): Assertion {
  try {
    return decodeAssertion(String(proof));
  } catch {
    throw proofRefused();
  }
}
