import { X509Certificate } from "node:crypto";
import { checkServerIdentity, type DetailedPeerCertificate, type TLSSocket } from "node:tls";

/** A certificate of the verified chain: for the record of what a document came over. */
export interface ChainLink {
  subject: string;
  /** SHA-256 of the DER, as Node writes it: upper case, with colons. */
  fingerprint256: string;
}

/** From the server's certificate to the pinned root. */
export type Chain = readonly ChainLink[];

/** Longer than any chain of a public authority. */
const maxChainLength = 8;

/**
 * The chain from the server's certificate to a pinned root; undefined where there is none. OpenSSL and Node have said
 * yes before; this asks again without relying on a setting, and only what is verified here is recorded.
 */
export function verifiedChain(socket: TLSSocket, host: string, roots: readonly X509Certificate[]): Chain | undefined {
  if (!socket.authorized || socket.isSessionReused()) return undefined;
  try {
    const peer = socket.getPeerCertificate(true);
    return checkServerIdentity(host, peer) === undefined ? chainToRoot(peer, roots) : undefined;
  } catch {
    // A certificate that Node cannot read, or none at all: thrown in an event, it would end the process.
    return undefined;
  }
}

function chainToRoot(peer: DetailedPeerCertificate, roots: readonly X509Certificate[]): Chain | undefined {
  const chain: ChainLink[] = [];
  let link: DetailedPeerCertificate | undefined = peer;
  while (link !== undefined && chain.length < maxChainLength) {
    const certificate = new X509Certificate(link.raw);
    chain.push(linkOf(certificate));
    const root = roots.find((root) => isIssuedBy(certificate, root));
    if (root !== undefined) return root.raw.equals(certificate.raw) ? chain : [...chain, linkOf(root)];
    const issuer: DetailedPeerCertificate | undefined = link.issuerCertificate;
    link = issuer !== undefined && isIssuedBy(certificate, new X509Certificate(issuer.raw)) ? issuer : undefined;
  }
  return undefined;
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function linkOf({ subject, fingerprint256 }: X509Certificate): ChainLink {
  return { subject: subject.replaceAll("\n", ", "), fingerprint256 };
}
