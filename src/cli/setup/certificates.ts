import { X509Certificate } from "node:crypto";
import type { CertificateDocument, PolicyDocument } from "../../domain/policy/document.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import { thumbprintOf } from "../certificate/certificate-report.ts";
import { certify, vaultTrouble } from "../certificate/certify.ts";
import { publisherName } from "../certificate/publisher-entry.ts";
import type { Registration } from "../certificate/registration.ts";
import type { KeyOwner, VaultKey } from "../certificate/vault-key.ts";
import { CommandProblem } from "../command-problem.ts";
import type { Steps } from "./steps.ts";

export interface CertificatePorts {
  /** Undefined: there is no vault yet. */
  keys: KeyOwner | undefined;
  registration: Registration;
  steps: Steps;
  nowMs: number;
}

const days = 365;

/**
 * The client's first certificate: the one in the policy; otherwise a registered one that belongs to the vault's key;
 * otherwise a new one, which the vault signs for the operator and which is then registered.
 */
export async function ensureClientCertificate(
  { name, clientId }: { name: string; clientId: Guid | undefined },
  policy: PolicyDocument | undefined,
  { keys, registration, steps, nowMs }: CertificatePorts,
): Promise<CertificateDocument | undefined> {
  const what = `certificate of the client ${name}, registered at its application`;
  if (!keys) return steps.postpone("azd up makes the vault (--vault)", what);
  if (clientId === undefined) return steps.postpone("the client has no registration yet", what);
  const known = policy?.clients.find((client) => client.clientId.toLowerCase() === clientId)?.certificates?.[0];
  return steps.ensure({
    what,
    find: async () => {
      if (known) return known;
      const { certificates } = await registration.prepare(clientId);
      if (certificates.length === 0) return undefined;
      const key = await requireKey(keys, name);
      const der = certificates.find((each) =>
        new X509Certificate(Buffer.from(each, "base64")).publicKey.equals(key.publicKey),
      );
      return der === undefined ? undefined : listed(key, new X509Certificate(Buffer.from(der, "base64")));
    },
    create: async () => {
      const key = await requireKey(keys, name);
      // Everything that can fail is checked before the vault signs: a useless signature would still raise an alarm.
      const prepared = await registration.prepare(clientId);
      const { certificate } = await certify(key, { commonName: name, days }, { keys, nowMs });
      await prepared.add({ der: certificate.raw.toString("base64"), displayName: `CN=${name}` });
      return listed(key, certificate);
    },
    describe,
  });
}

/** The publisher's first certificate: the one in the policy, or a new one. It is not registered at any application. */
export async function ensurePublisherCertificate(
  keyName: string,
  policy: PolicyDocument | undefined,
  { keys, steps, nowMs }: CertificatePorts,
): Promise<CertificateDocument | undefined> {
  const what = "certificate of the publisher, which signs idp.xml";
  if (!keys) return steps.postpone("azd up makes the vault (--vault)", what);
  const { certificates, keyId, certificate: pem } = policy?.publisher ?? {};
  const known =
    certificates?.find(({ state }) => state === "active") ?? (keyId && pem ? { keyId, certificate: pem } : undefined);
  return steps.ensure({
    what,
    find: async () => known && { keyId: known.keyId, certificate: known.certificate },
    create: async () => {
      const key = await requireKey(keys, keyName);
      const { certificate } = await certify(key, { commonName: publisherName, days }, { keys, nowMs });
      return listed(key, certificate);
    },
    describe,
  });
}

async function requireKey(keys: KeyOwner, keyName: string): Promise<VaultKey> {
  const key = await vaultTrouble(() => keys.read(keyName));
  if (key) return key;
  throw new CommandProblem("wrong", `There is no key ${keyName} in the vault`, {
    ...{
      where: "Key Vault",
      remedy: "add it to AZURE_CLIENT_KEY_NAMES and run azd provision, which creates the key",
    },
  });
}

function listed({ keyId }: VaultKey, certificate: X509Certificate): CertificateDocument {
  return { keyId, certificate: certificate.toString() };
}

function describe({ certificate }: CertificateDocument): string {
  return thumbprintOf(new X509Certificate(certificate));
}
