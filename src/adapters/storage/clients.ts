import type { Agent } from "node:https";
import { RestError, TableClient } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import type { BlobClient } from "@azure/storage-blob";
import { within } from "../azure/deadline.ts";
import { hasOtherToken, refusedTokenPolicy } from "../azure/refused-token.ts";

/**
 * How long one operation may take, including all attempts and the request for its access token, and the number of
 * attempts.
 */
export interface Patience {
  withinMs: number;
  attempts: number;
}

/** For all operations on storage. Listing is one operation per page. */
export const patience = {
  /** A request waits. The caller of the client decides on retries. */
  request: { withinMs: 3_000, attempts: 1 },
  /** A request waits, but can be answered without it. */
  sharedCache: { withinMs: 250, attempts: 1 },
  /** The first connection to the shared cache, with the identity's first token. */
  sharedCacheStart: { withinMs: 5_000, attempts: 1 },
  /** The start of an instance or a new read of the policy waits. */
  start: { withinMs: 5_000, attempts: 2 },
  /** A refresh or an operator's command waits. */
  refresh: { withinMs: 10_000, attempts: 2 },
  /** A timer's run or a large search waits. */
  background: { withinMs: 30_000, attempts: 4 },
} as const satisfies Record<string, Patience>;

/** The client of the table at `https://<account>.table.<suffix>/<table>`. Each operation has the deadline. */
export function openTable(
  url: string,
  credential: TokenCredential,
  { withinMs, attempts }: Patience,
  agent?: Agent,
): TableClient {
  const { origin, pathname } = new URL(url);
  const retryOptions = { maxRetries: attempts - 1 };
  const additionalPolicies = [refusedTokenPolicy(credential)];
  const options = { retryOptions, additionalPolicies, ...(agent && { agent }) };
  const table = new TableClient(origin, pathname.slice(1), credential, options);
  // A policy without a phase wraps the SDK's retries.
  table.pipeline.addPolicy({
    name: "keyholdDeadline",
    sendRequest(request, next) {
      const own = request.abortSignal instanceof AbortSignal ? request.abortSignal : undefined;
      return within(
        withinMs,
        (abortSignal) => {
          request.abortSignal = abortSignal;
          return next(request);
        },
        own,
      );
    },
  });
  return table;
}

/** Reads a row that never exists, so that the credential has a token and the pool a connection to the table. */
export async function openConnection(table: TableClient): Promise<void> {
  try {
    await table.getEntity("none", "none");
  } catch (error) {
    if (!(error instanceof RestError) || error.statusCode !== 404) throw error;
  }
}

/** A text blob. Both calls throw `RestError` or `DeadlineExceeded`. */
export interface TextBlob {
  /** Undefined if its ETag is still this one (RFC 9110 §13.1.2). */
  read(unlessEtag?: string): Promise<{ text: string; etag: string } | undefined>;
  /** Replaces only the version with this ETag; with undefined, writes only if there is no blob (RFC 9110 §13.1.1). */
  write(text: string, ifEtag: string | undefined): Promise<"written" | "conflict">;
}

/** The blob at `https://<account>.blob.<suffix>/<container>/<blob>`. */
export function openBlob(url: string, credential: TokenCredential, patient: Patience): TextBlob {
  const open = ({ BlobClient }: BlobSdk) => new BlobClient(url, credential, blobOptions(patient));
  return textBlob(reopening(credential, open), patient);
}

/** Opens blobs by name in `https://<account>.blob.<suffix>/<container>`. */
export function openContainer(url: string, credential: TokenCredential, patient: Patience): (name: string) => TextBlob {
  const open = ({ ContainerClient }: BlobSdk) => new ContainerClient(url, credential, blobOptions(patient));
  const use = reopening(credential, open);
  return (name) => textBlob((call) => use((container) => call(container.getBlobClient(name))), patient);
}

type BlobSdk = typeof import("@azure/storage-blob");
/** Calls with a client. */
type Use<C> = <R>(call: (client: C) => Promise<R>) => Promise<R>;

/**
 * The SDK is loaded for the first call, since it is half of what a cold start would load. Blob clients keep their token
 * and accept no policy: after a 401 a new one is made, with the identity's other token, and the call is repeated once.
 */
function reopening<C>(credential: TokenCredential, open: (sdk: BlobSdk) => C): Use<C> {
  let client: C | undefined;
  return async (call) => {
    const sdk = await import("@azure/storage-blob");
    client ??= open(sdk);
    const used = client;
    try {
      return await call(used);
    } catch (error) {
      if (!(await hasOtherToken(credential, error))) throw error;
      if (client === used) client = open(sdk);
      return call(client);
    }
  };
}

const maxBlobBytes = 16_777_216;

function blobOptions({ withinMs, attempts }: Patience) {
  return { retryOptions: { maxTries: attempts, tryTimeoutInMs: withinMs / attempts } };
}

function textBlob(use: Use<BlobClient>, { withinMs }: Patience): TextBlob {
  return {
    async read(unlessEtag) {
      const conditions = unlessEtag === undefined ? {} : { ifNoneMatch: unlessEtag };
      const download = async (blob: BlobClient, abortSignal: AbortSignal) => {
        const response = await blob.download(0, maxBlobBytes, { abortSignal, conditions });
        const chunks: Buffer[] = [];
        for await (const chunk of response.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
        return { text: Buffer.concat(chunks).toString("utf8"), etag: response.etag ?? "" };
      };
      try {
        return await within(withinMs, (abortSignal) => use((blob) => download(blob, abortSignal)));
      } catch (error) {
        if (error instanceof RestError && error.statusCode === 304) return undefined;
        throw error;
      }
    },
    async write(text, ifEtag) {
      const upload = (blob: BlobClient, abortSignal: AbortSignal) =>
        blob.getBlockBlobClient().upload(text, Buffer.byteLength(text), {
          abortSignal,
          conditions: ifEtag === undefined ? { ifNoneMatch: "*" } : { ifMatch: ifEtag },
          blobHTTPHeaders: { blobContentType: "application/json" },
        });
      try {
        await within(withinMs, (abortSignal) => use((blob) => upload(blob, abortSignal)));
        return "written";
      } catch (error) {
        const status = error instanceof RestError ? error.statusCode : undefined;
        // A 409 has several meanings. It means BlobAlreadyExists if the write requires that no blob exists.
        if (status === 412 || (status === 409 && ifEtag === undefined)) return "conflict";
        throw error;
      }
    },
  };
}
