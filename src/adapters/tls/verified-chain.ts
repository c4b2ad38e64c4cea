import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

/** A certificate of the verified chain, for the record of how a document was fetched. */
interface ChainLink {
  /** The distinguished name, its parts joined by a comma and a space. */
  subject: string;
  /** SHA-256 of the DER, as Node writes it: upper case, with colons. */
  fingerprint256: string;
}

/** From the server's certificate to the pinned root. */
export type Chain = readonly ChainLink[];

/**
 * The chain that Node verified in the handshake, up to the pinned root. Undefined if Node did not verify it: a setting
 * can make Node accept an untrusted connection, and Node does not check the host's name when it resumes a session.
 */
export function verifiedChain(socket: TLSSocket): Chain | undefined {
  if (!socket.authorized || socket.isSessionReused()) return undefined;
  try {
    return linksOf(socket.getPeerCertificate(true));
  } catch {
    // There is no certificate, or it cannot be read. An exception in an event handler would end the process.
    return undefined;
  }
}

function linksOf(certificate: DetailedPeerCertificate): Chain {
  const { subject, fingerprint256 } = new X509Certificate(certificate.raw);
  const link = { subject: subject.replaceAll("\n", ", "), fingerprint256 };
  const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate;
  // A root is its own issuer.
  return issuer === undefined || issuer === certificate ? [link] : [link, ...linksOf(issuer)];
}
