import type { Continuity } from "./continuity.ts";
import type { MetadataRefusal } from "./refusal.ts";

/** `source` is the name of a metadata source (shared/metadata-source.ts); keys are named by `kid`. */
export type MetadataEvent =
  | {
      event: "metadata_promoted";
      source: string;
      document: MetadataDocument;
      continuity: Continuity;
      added: readonly string[];
      removed: readonly string[];
    }
  | { event: "metadata_refused"; source: string; document: MetadataDocument; refusal: MetadataRefusal }
  | {
      event: "metadata_discontinuous";
      source: string;
      document: MetadataDocument;
      action: "accepted" | "held";
      added: readonly string[];
      removed: readonly string[];
    }
  | {
      event: "metadata_keys_replaced";
      source: string;
      document: MetadataDocument;
      added: readonly string[];
      removed: readonly string[];
    }
  /** A key set has another key under the name of one that we know. It is refused, whatever `onDiscontinuity` says. */
  | { event: "metadata_known_key_changed"; source: string; kid: string }
  /** What is stored does not verify, so it is not used. `rule`: which one it breaks. */
  | { event: "metadata_record_refused"; source: string; rule: string }
  | { event: "metadata_keys_differ"; source: string; kids: readonly string[] }
  | { event: "metadata_stale"; source: string; ageSeconds: number | undefined }
  | { event: "metadata_store_unavailable"; source: string; operation: "read" | "write" }
  | { event: "metadata_not_republished"; source: string; code: string }
  | { event: "metadata_refresh_finished"; sources: number; durationMs: number };

export type MetadataDocument = "federation" | "discovery" | "jwks";
