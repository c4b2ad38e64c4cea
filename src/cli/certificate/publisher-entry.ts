import type { CertificateDocument, PublisherDocument } from "../../domain/policy/document.ts";
import type { Edit } from "../policy/edit-policy.ts";

/** The common name of the publisher's certificates. */
export const publisherName = "Keyhold publisher";

const list = ["publisher", "certificates"] as const;

/** Adds a certificate as the last one: staged, or active if it is the first. */
export function addToPublisher(before: PublisherDocument | undefined, certificate: CertificateDocument): Edit[] {
  const added = { ...certificate, state: before ? ("staged" as const) : ("active" as const) };
  const { certificates, keyId = "", certificate: pem = "" } = before ?? {};
  if (certificates) return [{ append: list, value: added }];
  const value: PublisherDocument = {
    certificates: before ? [{ keyId, certificate: pem, state: "active" }, added] : [added],
  };
  return [{ set: [], key: "publisher", value }];
}

/** Makes the certificate with this index sign; the previous one becomes retiring. */
export function activateInPublisher({ certificates = [] }: PublisherDocument, index: number): Edit[] {
  const edits = certificates.map(({ state }, i): Edit[] => {
    if (i === index) return [{ set: [...list, i], key: "state", value: "active" }];
    return state === "active" ? [{ set: [...list, i], key: "state", value: "retiring" }] : [];
  });
  return edits.flat();
}
