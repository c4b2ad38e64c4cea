import { readFileSync } from "node:fs";
import type { MetadataTransport } from "../../domain/metadata/ports.ts";
import type { TransportRefusal } from "../../domain/metadata/transport-refusal.ts";
import type { Cloud } from "../../domain/shared/cloud.ts";
import { lazily } from "../../domain/shared/lazily.ts";
import { refuse } from "../../domain/shared/result.ts";
import { createPinnedFetch } from "./pinned-get.ts";
import { parseTrustedRoots, TrustedRootsError, vendoredRoots } from "./trusted-roots.ts";

/** One retry if the network or the server failed. The document is fetched again in an hour anyway. */
const tries = 2;

/**
 * Fetches metadata from the cloud's authority host only. `rootsFile`: PEM that replaces the vendored roots. The
 * vendored roots are checked with the first document, because a cold start has no time for that.
 * @throws TrustedRootsError if the file is not usable
 */
export function createMetadataTransport(cloud: Cloud, rootsFile: string | undefined, nowMs: number): MetadataTransport {
  const own = rootsFile === undefined ? undefined : parseTrustedRoots(readRoots(rootsFile), nowMs);
  const pinned = lazily(() =>
    createPinnedFetch({ roots: own ?? vendoredRoots(nowMs), allowedHosts: new Set([cloud.authorityHost]) }),
  );
  return {
    async get(url, etag) {
      let get: ReturnType<typeof pinned>;
      try {
        get = pinned();
      } catch {
        return refuse({ reason: "tls_not_trusted", code: "NO_TRUSTED_ROOTS" });
      }
      for (let left = tries - 1; ; left--) {
        const result = await get(url, { etag });
        if (result.ok || left === 0 || !mayPass(result.refusal)) return result;
      }
    },
  };
}

function readRoots(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new TrustedRootsError(["the file that KEYHOLD_METADATA_ROOTS_FILE names cannot be read"]);
  }
}

function mayPass(refusal: TransportRefusal): boolean {
  if (refusal.reason === "not_reachable" || refusal.reason === "truncated") return true;
  return refusal.reason === "status_not_accepted" && [408, 429, 500, 502, 503, 504].includes(refusal.status);
}
