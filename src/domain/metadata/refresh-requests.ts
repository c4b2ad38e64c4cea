/**
 * Requests of operators, stored beside the policy: to refresh metadata sources now. The command line has no other way
 * to reach the app, and must neither fetch nor sign itself. One entry for each source, the latest.
 */
export interface RefreshRequest {
  /** The name of a metadata source (shared/metadata-source.ts). */
  source: string;
  /** A random GUID. The record of the source holds it once the request was carried out. */
  id: string;
  /** Who asked, and when (RFC 3339): for people. */
  by: string;
  at: string;
}

export interface RefreshRequestsDocument {
  version: 1;
  requests: readonly RefreshRequest[];
}

/** Reads the requests. A document that is not there, or not valid, asks for nothing. Throws when it cannot be read. */
export type ReadRefreshRequests = () => Promise<readonly RefreshRequest[]>;
