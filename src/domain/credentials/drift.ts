import { createHash } from "node:crypto";
import type { ClientRule } from "../policy/access-policy.ts";
import { type Cloud, issuerOf } from "../shared/cloud.ts";
import type { Guid } from "../shared/guid.ts";
import type { SigningCertificate } from "../signing/certificate.ts";

/**
 * The credentials that Entra accepts for a client. Anyone who can sign with its key can add their own credential to the
 * application and so keep access (T8). So these are compared with the policy: there must be no others, and the lock
 * must be on.
 */
export interface RegisteredCredentials {
  keys: readonly RegisteredKey[];
  passwords: readonly { on: CredentialHolder; keyId: string }[];
  federated: readonly FederatedCredential[];
  /**
   * App instance property lock: without it a customer's administrators can add their own key to the app's instance in
   * their tenant.
   */
  isInstanceLocked: boolean;
}

/** The application, or its service principal in the home tenant. */
export type CredentialHolder = "application" | "servicePrincipal";

export interface RegisteredKey {
  on: CredentialHolder;
  /** Entra's own GUID for the entry. */
  keyId: string;
  /** base64 of the certificate's DER; undefined if Graph did not return it. */
  der?: string;
}

export interface FederatedCredential {
  id: string;
  issuer: string;
  subject: string;
  audiences: readonly string[];
}

/** The credentials that a client should have according to the policy. */
export interface ExpectedCredentials {
  certificates: readonly SigningCertificate[];
  federated?: Omit<FederatedCredential, "id">;
}

/** The credentials that Entra should accept for a client of the policy. */
export function expectedCredentials(
  { certificates, federation }: Pick<ClientRule, "certificates" | "federation">,
  cloud: Cloud,
  homeTenantId: Guid,
): ExpectedCredentials {
  if (!federation) return { certificates };
  const [issuer, subject] = [issuerOf(cloud, homeTenantId), federation.identityObjectId];
  return { certificates, federated: { issuer, subject, audiences: [cloud.tokenExchangeAudience] } };
}

export interface DriftFinding {
  finding:
    | "foreign_key"
    | "foreign_password"
    | "foreign_federation"
    | "missing_certificate"
    | "missing_federation"
    | "instance_lock_off";
  severity: 0 | 1;
  on: CredentialHolder;
  /** Entra's id of the foreign credential. */
  keyId?: string;
  /** SHA-1, upper-case hexadecimal, of the foreign or missing certificate, if known. */
  thumbprint?: string;
  /** Of a federated credential. Its creator chose these texts. */
  issuer?: string;
  subject?: string;
  difference: string;
}

/**
 * Returns every difference. A key is identified by the bytes of its certificate, because the identifier beside it was
 * chosen by whoever added the key.
 */
export function findDrift(expected: ExpectedCredentials, found: RegisteredCredentials): DriftFinding[] {
  return [
    ...foreignKeys(expected, found),
    ...found.passwords.map(({ on, keyId }) =>
      foreign("foreign_password", on, "a client secret is registered: Keyhold uses none", { keyId }),
    ),
    ...foreignFederations(expected, found),
    ...missing(expected, found),
    ...(found.isInstanceLocked ? [] : [lockOff]),
  ];
}

/** SHA-1, upper-case hexadecimal, of a base64 DER: the thumbprint that Entra's portal shows. Never used for trust. */
export function thumbprintOf(der: string): string {
  return createHash("sha1").update(der, "base64").digest("hex").toUpperCase();
}

const lockOff: DriftFinding = {
  finding: "instance_lock_off",
  severity: 1,
  on: "application",
  difference: "the app instance property lock does not cover all properties: customers could add credentials",
};

function foreignKeys({ certificates }: ExpectedCredentials, { keys }: RegisteredCredentials): DriftFinding[] {
  const ours = new Set(certificates.map(({ der }) => der));
  return keys.flatMap(({ on, keyId, der }) => {
    if (der === undefined)
      return [foreign("foreign_key", on, "a key is registered whose certificate Graph does not show", { keyId })];
    const thumbprint = thumbprintOf(der);
    // Keyhold registers no credentials at service principals.
    if (on === "application" && ours.has(der)) return [];
    return [
      foreign("foreign_key", on, "a certificate is registered that the policy does not list", { keyId, thumbprint }),
    ];
  });
}

function foreignFederations({ federated }: ExpectedCredentials, found: RegisteredCredentials): DriftFinding[] {
  return found.federated
    .filter((each) => !federated || !isSame(federated, each))
    .map(({ id: keyId, issuer, subject }) => {
      const difference = "a federated credential is registered that the policy does not list";
      return foreign("foreign_federation", "application", difference, { keyId, issuer, subject });
    });
}

function missing(expected: ExpectedCredentials, found: RegisteredCredentials): DriftFinding[] {
  const there = new Set(found.keys.filter(({ on }) => on === "application").map(({ der }) => der));
  const certificates = expected.certificates
    .filter(({ der }) => !there.has(der))
    .map(({ thumbprint }): DriftFinding => {
      const difference = "the policy lists a certificate that is not registered at the application";
      return { finding: "missing_certificate", severity: 1, on: "application", thumbprint, difference };
    });
  const { federated } = expected;
  if (!federated || found.federated.some((each) => isSame(federated, each))) return certificates;
  const difference = "the policy lists a federated credential that is not registered at the application";
  return [...certificates, { finding: "missing_federation", severity: 1, on: "application", difference }];
}

/** Compared exactly, as Entra does. */
function isSame(expected: Omit<FederatedCredential, "id">, found: FederatedCredential): boolean {
  const { issuer, subject, audiences } = found;
  return (
    issuer === expected.issuer &&
    subject === expected.subject &&
    audiences.length === expected.audiences.length &&
    audiences.every((audience, i) => audience === expected.audiences[i])
  );
}

function foreign(
  finding: DriftFinding["finding"],
  on: CredentialHolder,
  difference: string,
  facts: Pick<DriftFinding, "keyId" | "thumbprint" | "issuer" | "subject">,
): DriftFinding {
  return { finding, severity: 0, on, ...facts, difference };
}
