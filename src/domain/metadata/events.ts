import type { Continuity } from "./continuity.ts";
import type { MetadataDocument } from "./last-known-good.ts";
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
  /** One that was accepted, and the replacement of all keys, are reported in every run of the timer for a day. */
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
  /** A key set has a different key under the name of a known one. It is refused, whatever `onDiscontinuity` says. */
  | { event: "metadata_known_key_changed"; source: string; kid: string }
  /** The stored record does not verify and is not used. `rule`: the rule that it breaks. */
  | { event: "metadata_record_refused"; source: string; rule: string }
  | { event: "metadata_keys_differ"; source: string; kids: readonly string[] }
  | { event: "metadata_stale"; source: string; ageSeconds: number | undefined }
  | { event: "metadata_store_unavailable"; source: string; operation: "read" | "write" }
  | { event: "metadata_not_republished"; source: string; code: string }
  | { event: "metadata_refresh_finished"; sources: number; durationMs: number };
