import { changeOfKeys } from "../../domain/metadata/continuity.ts";
import type { LastKnownGood } from "../../domain/metadata/last-known-good.ts";
import { isoTime, printable } from "../printable.ts";

/** The result of a refresh that an operator requested. `wrong`: a document was refused or held. */
export interface RefreshResult {
  state: "fine" | "wrong" | "unanswered";
  text: string;
  json: unknown;
}

const documents = { federation: "federation metadata", discovery: "discovery", jwks: "key set" } as const;

/**
 * The result for one source. `after`: the record once the request was carried out; undefined if it was not carried out
 * in time.
 */
export function resultOf(
  source: string,
  before: LastKnownGood | undefined,
  after: LastKnownGood | undefined,
): RefreshResult {
  if (!after?.refreshed) {
    const text = `${source}\n  no answer: check that the app runs and that its timer checkMetadata is enabled. The request stays`;
    return { state: "unanswered", text, json: { source, answered: false } };
  }
  const { refreshed, idp } = after;
  const outcomes = (Object.keys(documents) as (keyof typeof documents)[]).map((document) => {
    return { document, outcome: printable(refreshed[document], 100) };
  });
  const isWrong = outcomes.some(({ outcome }) => outcome !== "unchanged" && outcome !== "changed");
  const { added, removed } = changeOfKeys(before?.jwks?.keys, after.jwks?.keys);
  const isSignedAnew = idp !== undefined && idp.sha256 !== before?.idp?.sha256;
  const lines = [
    ...outcomes.flatMap(({ document, outcome }) =>
      outcome === "unchanged" ? [] : [`${documents[document]} ${said(outcome)}`],
    ),
    ...added.map((kid) => `key ${kid} added`),
    ...removed.map((kid) => `key ${kid} removed`),
    ...(isSignedAnew ? [`idp.xml signed again, valid until ${isoTime(idp.validUntilMs)}`] : []),
  ];
  const shown = lines.length === 0 ? ["verified, nothing changed"] : lines;
  return {
    state: isWrong ? "wrong" : "fine",
    text: [source, ...shown.map((line) => `  ${line}`)].join("\n"),
    json: {
      ...{ source, answered: true, refreshedAt: isoTime(refreshed.atMs) },
      ...Object.fromEntries(outcomes.map(({ document, outcome }) => [document, outcome])),
      ...{ added, removed },
      ...(idp && { idp: { signedAnew: isSignedAnew, validUntil: isoTime(idp.validUntilMs) } }),
    },
  };
}

function said(outcome: string): string {
  if (outcome === "changed") return "changed";
  if (outcome === "held") return "HELD: no known key vouches for it (docs/operate/runbook.md#metadata-discontinuous)";
  return `REFUSED: ${outcome}`;
}
