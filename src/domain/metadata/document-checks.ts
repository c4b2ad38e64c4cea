import { type MetadataSource, sourceName } from "../shared/metadata-source.ts";
import type { FederationRecord, LastKnownGood } from "./last-known-good.ts";
import type { RefreshPorts } from "./refresh-source.ts";
import { type IdpVerification, verifiesIdp } from "./stored-idp.ts";
import { verifiesFederation } from "./stored-record.ts";

/** Whether stored documents of one source verify. Each is verified once in a process, since that costs milliseconds. */
export interface DocumentChecks {
  /** Undefined where that cannot be said now. */
  federation(stored: FederationRecord): Promise<boolean | undefined>;
  /**
   * That of a record whose federation metadata verifies. Undefined where it has none, where nobody may have signed one,
   * or where that cannot be said now.
   */
  idp(record: LastKnownGood): Promise<boolean | undefined>;
}

export interface DocumentCheckPorts extends Omit<RefreshPorts, "transport">, IdpVerification {
  /** Base64 of the DER of the certificates that may have signed `idp.xml`; none where that is not known. */
  publisherDers: () => readonly string[];
}

/** An `idp.xml` that does not verify is reported, once. */
export function createDocumentChecks(source: MetadataSource, ports: DocumentCheckPorts): DocumentChecks {
  /** Hash, signer and keys of what was verified last. */
  let verifiedFederation: string | undefined;
  /** The `idp.xml` that was verified last: hash and time, and what it was verified by. */
  let judgedIdp: { identity: string; verdict: Promise<boolean | undefined> } | undefined;

  async function judgeIdp(record: LastKnownGood, publisherDers: readonly string[]): Promise<boolean | undefined> {
    const verdict = await verifiesIdp(record, source, publisherDers, ports);
    const rule = "idp.xml is not one of the publisher's";
    if (verdict === false) ports.record({ event: "metadata_record_refused", source: sourceName(source), rule });
    return verdict;
  }

  return {
    async federation(stored) {
      const identity = [stored.sha256, stored.signedBy, ...stored.keys.map(({ kid }) => kid)].join();
      if (identity === verifiedFederation) return true;
      const verdict = await verifiesFederation(stored, source, ports);
      if (verdict) verifiedFederation = identity;
      return verdict;
    },
    async idp(record) {
      const publisherDers = ports.publisherDers();
      if (!record.idp || publisherDers.length === 0) return undefined;
      const { sha256, validUntilMs } = record.idp;
      const identity = [sha256, validUntilMs, verifiedFederation, ...publisherDers].join();
      if (judgedIdp?.identity !== identity) judgedIdp = { identity, verdict: judgeIdp(record, publisherDers) };
      const judged = judgedIdp;
      const verdict = await judged.verdict;
      if (verdict === undefined && judgedIdp === judged) judgedIdp = undefined;
      return verdict;
    },
  };
}
