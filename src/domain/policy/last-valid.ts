import type { PolicyDocumentName, PolicyEvent } from "./events.ts";
import type { DocumentSource, Reading } from "./ports.ts";

/**
 * The last valid version of a document, kept while newer ones are not valid or storage fails. Times are milliseconds
 * since 1970.
 */
export interface LastValid<T> {
  /** Reads it once and records the result. Never rejects. */
  read(nowMs: number): Promise<void>;
  /** Undefined before the first valid reading. */
  value(): T | undefined;
  /** When it was last known to be the current version. */
  validAtMs(): number | undefined;
  /** When storage last answered, with whatever document. */
  answeredAtMs(): number | undefined;
  /** Problems of the current version, which is not valid; 0 where it is. */
  problems(): number;
}

/** A document that is not valid is reported again after so long, so that one lost event hides nothing. */
const repeatMs = 300_000;

/** A failed read or an invalid document never replaces a valid one, which only gets older. */
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
      // What is known not to be valid is sent, evaluated and reported again only when that is due.
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
