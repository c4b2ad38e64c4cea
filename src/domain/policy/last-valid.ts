import type { PolicyDocumentName, PolicyEvent } from "./events.ts";
import type { DocumentSource, Reading } from "./ports.ts";

/**
 * The last valid version of a document. It is kept while newer versions are invalid or storage fails. Times are
 * milliseconds since 1970.
 */
export interface LastValid<T> {
  /** Reads it once and records the result. Never rejects. */
  read(nowMs: number): Promise<void>;
  /** Undefined until a valid version was read. */
  value(): T | undefined;
  /** When this version was last known to be the current one. */
  validAtMs(): number | undefined;
  /** When storage last answered, with a valid document or not. */
  answeredAtMs(): number | undefined;
  /** Number of problems in the current version; 0 if it is valid. */
  problems(): number;
}

/** Milliseconds. An invalid document is reported again after this time, so that one lost event does not hide it. */
const repeatMs = 300_000;

/** A failed read or an invalid document never replaces the valid one; its age only increases. */
export function createLastValid<T>(
  name: PolicyDocumentName,
  source: DocumentSource<T>,
  record: (event: PolicyEvent) => void,
  onChanged: (value: T, etag: string) => void,
): LastValid<T> {
  let valid: { value: T; etag: string } | undefined;
  let validAtMs: number | undefined;
  let answeredAtMs: number | undefined;
  let rejected: { etag: string; problems: number; reportedAtMs: number } | undefined;

  const isRepeatDue = (nowMs: number) => rejected !== undefined && Math.abs(nowMs - rejected.reportedAtMs) >= repeatMs;

  function accept(reading: Reading<T>, nowMs: number): void {
    answeredAtMs = nowMs;
    if (reading.changed && "problems" in reading) {
      const { etag, problems } = reading;
      record({ event: "policy_rejected", document: name, etag, problems });
      rejected = { etag, problems: problems.length, reportedAtMs: nowMs };
      return;
    }
    rejected = undefined;
    validAtMs = nowMs;
    if (!reading.changed || reading.etag === valid?.etag) return;
    valid = { value: reading.value, etag: reading.etag };
    onChanged(reading.value, reading.etag);
  }

  return {
    async read(nowMs) {
      let reading: Reading<T>;
      // A version known to be invalid is fetched, evaluated and reported again only when a repeat is due.
      const skipped = rejected && !isRepeatDue(nowMs) ? rejected.etag : undefined;
      try {
        reading = await source.read(skipped ?? valid?.etag);
      } catch (error) {
        const ageSeconds = validAtMs === undefined ? undefined : Math.round((nowMs - validAtMs) / 1000);
        const because = error instanceof Error ? error.name : "unknown";
        record({ event: "policy_not_readable", document: name, ageSeconds, because });
        return;
      }
      if (skipped !== undefined && !reading.changed) answeredAtMs = nowMs;
      else accept(reading, nowMs);
    },
    value: () => valid?.value,
    validAtMs: () => validAtMs,
    answeredAtMs: () => answeredAtMs,
    problems: () => rejected?.problems ?? 0,
  };
}
