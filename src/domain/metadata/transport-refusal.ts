/**
 * Why a document of the identity provider was not received, or was rejected. A value that the caller decides on (retry,
 * alarm, keep the last known good). It carries numbers and codes only, never text of the server (T5).
 *
 * `tls_not_trusted` is the one that may be an attack: the server did not prove to be the host.
 */
export type TransportRefusal =
  /** Not the canonical form of an https URL at the usual port, without user, password and fragment. */
  | { reason: "url_not_allowed" }
  | { reason: "host_not_allowed" }
  /** `code`: OpenSSL's or Node's, as `CERT_HAS_EXPIRED` or `ERR_TLS_CERT_ALTNAME_INVALID`. */
  | { reason: "tls_not_trusted"; code: string }
  /** No name, no route, no connection, or hung up before an answer. `code`: the system's, as `ECONNREFUSED`. */
  | { reason: "not_reachable"; code: string }
  /** The answer is not HTTP. `code`: the parser's, as `HPE_HEADER_OVERFLOW`. */
  | { reason: "malformed"; code: string }
  | { reason: "status_not_accepted"; status: number }
  | { reason: "encoded" }
  | { reason: "too_large" }
  /** Cut off, or without a length or chunks, so that a cut cannot be detected. */
  | { reason: "truncated" }
  | { reason: "timed_out" }
  /** By the caller's own signal. */
  | { reason: "cancelled" };
