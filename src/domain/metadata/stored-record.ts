import { createHash } from "node:crypto";
import type { MetadataSource } from "../shared/metadata-source.ts";
import { ok, type Result, refuse } from "../shared/result.ts";
import { acceptJwks } from "./accept-jwks.ts";
import type {
  DocumentRecord,
  FederationRecord,
  LastKnownGood,
  RecordVersion1,
  SetKey,
  StoredRecord,
} from "./last-known-good.ts";
import { type PublishedKey, verifyPublishedKey } from "./published-key.ts";
import { type RefreshPorts, readFederation } from "./refresh-source.ts";

export type RecordRule =
  | "not a metadata record"
  | "a document is not the one of its hash"
  | "a key is not the one of its certificate"
  | "the key set is not the one of its document"
  | "the signer of the federation metadata is not listed"
  | "the federation metadata do not verify"
  | "idp.xml is not one of the publisher's";

type Verify = Pick<RefreshPorts, "cloud" | "verifyFederationMetadata">;

/**
 * Verifies a stored record before it is used: every key must be that of its certificate, and the key set must follow
 * from the document that is republished. Whoever can write to storage could still add keys of their own. Never rejects.
 */
export async function verifyRecord(
  stored: StoredRecord | undefined,
  source: MetadataSource,
  verify: Verify,
): Promise<Result<LastKnownGood, RecordRule>> {
  if (!stored) return refuse("not a metadata record");
  if (stored.version === 1) return ok(await migrate(stored, source, verify));
  const rule = brokenRule(stored, source, verify);
  return rule ? refuse(rule) : ok(stored);
}

function brokenRule(
  { federation, discovery, jwks, keys, idp }: LastKnownGood,
  source: MetadataSource,
  { cloud }: Verify,
): RecordRule | undefined {
  const documents = [federation, discovery, jwks, idp].filter((record) => record !== undefined);
  if (!documents.every(isOfItsHash)) return "a document is not the one of its hash";
  const all = [...keys, ...(jwks?.keys ?? []), ...(federation?.keys ?? []), ...(federation?.former ?? [])];
  if (!all.every((key) => verifyPublishedKey(key))) return "a key is not the one of its certificate";
  if (jwks) {
    const accepted = acceptJwks(bodyOf(jwks), source, cloud);
    const isSame = accepted.ok && namesOf(accepted.value.keys) === namesOf(jwks.keys);
    if (!isSame) return "the key set is not the one of its document";
  }
  const isListed = !federation || federation.keys.some(({ kid }) => kid === federation.signedBy);
  return isListed ? undefined : "the signer of the federation metadata is not listed";
}

/**
 * Whether stored federation metadata verify by their signature, and list the keys that are stored beside them;
 * undefined if that cannot be checked now. Separate from `verifyRecord`, since it loads the XML libraries, which no
 * token request needs.
 */
export async function verifiesFederation(
  stored: FederationRecord,
  source: MetadataSource,
  verify: Verify,
): Promise<boolean | undefined> {
  const read = await readFederation(bodyOf(stored), source, verify);
  if (!read.ok) return read.refusal.reason === "verifier_not_loaded" ? undefined : false;
  return read.value.signedBy === stored.signedBy && namesOf(read.value.keys) === namesOf(stored.keys);
}

type Hashed = Pick<DocumentRecord, "body" | "sha256">;
const bodyOf = ({ body }: Hashed) => Buffer.from(body, "base64");
const sha256Of = (body: Uint8Array) => createHash("sha256").update(body).digest("hex");
const isOfItsHash = (record: Hashed) => sha256Of(bodyOf(record)) === record.sha256;
const namesOf = (keys: readonly SetKey[]) => keys.map(({ kid, otherIssuer }) => `${kid} ${otherIssuer}`).join();

/**
 * Version 1 holds the documents themselves, with their certificates. What verifies by today's rules is used at once, so
 * that an upgrade works without Entra. The rest, and keys without a certificate, are dropped. So are the ETags, so that
 * everything is fetched again.
 */
async function migrate(stored: RecordVersion1, source: MetadataSource, verify: Verify): Promise<LastKnownGood> {
  const federation = stored.federation && (await migrateFederation(stored.federation, source, verify));
  const accepted = stored.jwks && acceptJwks(bodyOf(stored.jwks), source, verify.cloud);
  const jwks = accepted?.ok ? accepted.value : undefined;
  const certified = new Map<string, PublishedKey>(
    [...(federation?.keys ?? []), ...(jwks?.keys ?? [])].map((key) => [key.kid, key]),
  );
  return {
    version: 2,
    ...(federation && { federation }),
    ...(stored.jwks &&
      jwks && {
        jwks: {
          ...withoutEtag(stored.jwks),
          body: Buffer.from(jwks.body).toString("base64"),
          sha256: sha256Of(jwks.body),
          keys: jwks.keys,
        },
      }),
    keys: stored.keys.flatMap((key) => {
      const genuine = certified.get(key.kid);
      return genuine?.n === key.n ? [{ ...key, e: genuine.e, certificate: genuine.certificate }] : [];
    }),
    ...(federation && stored.idp && isOfItsHash(stored.idp) && { idp: stored.idp }),
  };
}

async function migrateFederation(
  stored: DocumentRecord,
  source: MetadataSource,
  verify: Verify,
): Promise<FederationRecord | undefined> {
  if (!isOfItsHash(stored)) return undefined;
  const read = await readFederation(bodyOf(stored), source, verify);
  return read.ok ? { ...withoutEtag(stored), ...read.value, former: [] } : undefined;
}

function withoutEtag({ body, sha256, fetchedAtMs, verifiedAtMs, chain }: DocumentRecord): DocumentRecord {
  return { body, sha256, fetchedAtMs, verifiedAtMs, chain };
}
