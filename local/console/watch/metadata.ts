/** The provider's keys as Keyhold stores them, and as the provider publishes them now. */
import type { LastKnownGood } from "../../../src/domain/metadata/last-known-good.ts";
import type { Stack } from "../../stack/stack.ts";
import { metadataContainer } from "../../stack/world.ts";
import type { KeyRow, MetadataSourceRow, MetadataState } from "../snapshot.ts";
import { nameOf } from "./names.ts";

export async function readMetadata(stack: Stack, signal: AbortSignal): Promise<MetadataState> {
  const provider = (await (
    await fetch(`${stack.controlUrl}/entra/keys`, { signal })
  ).json()) as MetadataState["provider"];
  const container = stack.storage.blobs.getContainerClient(metadataContainer);
  const sources: MetadataSourceRow[] = [];
  for await (const { name } of container.listBlobsFlat({ abortSignal: signal })) {
    const bytes = await container.getBlockBlobClient(name).downloadToBuffer(0, undefined, { abortSignal: signal });
    sources.push(describe(name.replace(/\.json$/, ""), JSON.parse(bytes.toString("utf8")) as LastKnownGood, provider));
  }
  return { provider, sources };
}

function describe(
  source: string,
  { keys, jwks, federation }: LastKnownGood,
  provider: MetadataState["provider"],
): MetadataSourceRow {
  const active = provider.find((key) => key.active)?.kid;
  return {
    name: nameOf(source),
    verifiedAtMs: Math.max(jwks?.verifiedAtMs ?? 0, federation?.verifiedAtMs ?? 0),
    changedAtMs: Math.max(jwks?.fetchedAtMs ?? 0, federation?.fetchedAtMs ?? 0),
    keys: keys.slice(-12).map((key): KeyRow => {
      const { kid, firstSeenMs, lastSeenMs, firstUsedMs, removedMs } = key;
      const wasFirst = firstSeenMs === Math.min(...keys.map((each) => each.firstSeenMs));
      const published = firstUsedMs === undefined && !wasFirst ? "announced" : "published";
      return {
        kid,
        firstSeenMs,
        lastSeenMs,
        ...(firstUsedMs !== undefined && { firstUsedMs }),
        ...(removedMs !== undefined && { removedMs }),
        state: removedMs !== undefined ? "retired" : kid === active ? "active" : published,
      };
    }),
  };
}
