import type { MetadataStore } from "../../domain/metadata/ports.ts";
import type { Cloud } from "../../domain/shared/cloud.ts";
import { type MetadataSource, sourceName } from "../../domain/shared/metadata-source.ts";
import { exitCodes, type Report } from "../command-problem.ts";
import { duration, isoTime, printable, table } from "../printable.ts";
import { loadStored, type SourceState, stateOfSource } from "./state.ts";

/** `refused`: the rule that the stored record breaks. */
type StoredState = SourceState & { refused?: string };

/** `metadata status`: each source of metadata with its keys, their age, and what is wrong with it. */
export async function metadataStatus(
  sources: readonly MetadataSource[],
  store: MetadataStore,
  cloud: Cloud,
  nowMs: number,
): Promise<Report> {
  const states: StoredState[] = await Promise.all(
    sources.map(async (source) => {
      const { known, refused } = await loadStored(store, source, cloud);
      return { ...stateOfSource(sourceName(source), known, nowMs), ...(refused && { refused }) };
    }),
  );
  const isStale = states.some((state) => state.isStale);
  return {
    exit: isStale ? exitCodes.wrong : exitCodes.fine,
    text: states.map((state) => describe(state, nowMs)).join("\n\n"),
    json: states.map(({ documents, keys, ...state }) => ({
      ...withIsoTimes(state),
      documents: documents.map(withIsoTimes),
      keys: keys.map(withIsoTimes),
    })),
  };
}

function describe(state: StoredState, nowMs: number): string {
  const { source, verifiedAtMs, isStale, tlsFingerprint, idpValidUntilMs, refused } = state;
  const ago = (timeMs: number) => `${duration(nowMs - timeMs)} ago`;
  if (refused !== undefined) return `${source}\n  what is stored is refused: ${refused}`;
  if (verifiedAtMs === undefined) return `${source}\n  nothing was ever accepted`;
  const facts = [
    `  verified ${ago(verifiedAtMs)}${isStale ? ", STALE" : ""}`,
    ...(tlsFingerprint === undefined ? [] : [`  TLS certificate ${printable(tlsFingerprint)}`]),
    ...(idpValidUntilMs === undefined ? [] : [`  idp.xml valid until ${isoTime(idpValidUntilMs)}`]),
  ];
  const rows = state.keys.map((key) => [
    printable(key.kid, 64),
    key.state,
    ago(key.firstSeenMs),
    ago(key.lastSeenMs),
    key.firstUsedMs === undefined ? "-" : ago(key.firstUsedMs),
  ]);
  const keys = table([["KID", "STATE", "FIRST SEEN", "LAST SEEN", "FIRST USED"], ...rows]);
  return [source, ...facts, ...keys.split("\n").map((line) => `  ${line}`)].join("\n");
}

/** Replaces times in milliseconds with ISO times: `verifiedAtMs: 0` becomes `verifiedAt: "1970-01-01T00:00:00Z"`. */
export function withIsoTimes(facts: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) =>
      name.endsWith("Ms") && typeof value === "number" ? [name.slice(0, -2), isoTime(value)] : [name, value],
    ),
  );
}
