import type { Finding } from "../../src/domain/audit/findings.ts";
import { covers, coversAfterMs, coversBeforeMs } from "../../src/domain/audit/open-intents.ts";
import { windowMs } from "../../src/domain/audit/sign-rate.ts";
import type { Guid } from "../../src/domain/shared/guid.ts";
import { budget, type Truth, type World } from "./model.ts";

export interface Verdict {
  violations: string[];
  counts: Record<string, number>;
}

/** Holds what the audit has found in the end against what really happened. */
export function judge(world: World): Verdict {
  const findings = [...world.auditStore.stored.findings.values()].flatMap((ofWindow) =>
    [...ofWindow.values()].filter(({ isResolved }) => !isResolved).map(({ finding }) => finding),
  );
  const facts = factsOf(world);
  const { thefts, hidden, strangers, genuine } = facts;
  const violations = [
    ...world.violations,
    ...missedThefts(findings, facts),
    ...inventedFindings(findings, facts, world),
    ...missingRecords(findings, facts, world),
    ...missedForgeries(findings, facts, world),
    ...wrongCoverage(facts, world),
    ...overBudget(world),
  ];
  const counts = {
    signatures: world.signatures,
    ...{ thefts: thefts.length, hidden: hidden.size },
    "behind forged rows": thefts.filter(({ isForged }) => isForged).length,
    "behind lost rows": facts.behindLostRows.size,
    strangers: strangers.length,
    "missing records": [...genuine.values()].filter(({ isLogged }) => !isLogged).length,
    "open intents": [...world.ledger.rows.values()].filter(({ outcome }) => outcome === undefined).length,
  };
  return { violations, counts };
}

/** What really happened. */
interface Facts {
  thefts: readonly Truth[];
  /** Thefts that stand under an open intent and were reported as covered. */
  hidden: ReadonlySet<Truth>;
  /** Thefts under the request id of a signature whose own row never reached the log: one row, and one intent. */
  behindLostRows: ReadonlySet<Truth>;
  strangers: readonly Truth[];
  /** By request id. */
  genuine: ReadonlyMap<string, Truth>;
  /** Request ids that a thief has used. */
  copied: ReadonlySet<string>;
}

function factsOf({ truths, covered }: World): Facts {
  const thefts = truths.filter(({ by, isLogged }) => by === "thief" && isLogged);
  const genuine = new Map(truths.filter(({ by }) => by === "instance").map((truth) => [truth.row.requestId, truth]));
  const isBehindLostRow = ({ row }: Truth) => {
    const lost = genuine.get(row.requestId);
    return lost?.isLogged === false && lost.row.keyVersion === row.keyVersion;
  };
  return {
    thefts,
    genuine,
    behindLostRows: new Set(thefts.filter(isBehindLostRow)),
    hidden: new Set(thefts.filter(({ row }) => covered.has(nameOf(row)))),
    strangers: truths.filter(({ by }) => by === "stranger"),
    copied: new Set(thefts.map(({ row }) => row.requestId)),
  };
}

const ofKind = (kind: Finding["kind"], findings: readonly Finding[]) =>
  findings.filter((finding) => finding.kind === kind);

function missedThefts(findings: readonly Finding[], { thefts, hidden, behindLostRows, strangers }: Facts): string[] {
  const unaccounted = ofKind("unaccounted_signature", findings);
  const isFound = listed(unaccounted);
  // Of a row and its copy one is accounted for: that there are two is what is reported.
  const requests = new Set(unaccounted.map(({ requestId }) => requestId));
  const isCopyOf = ({ row }: Truth) => requests.has(row.requestId);
  const isFoundForeign = listed(ofKind("foreign_identity", findings));
  return [
    ...thefts
      .filter(
        (theft) =>
          !theft.isForged && !behindLostRows.has(theft) && !isFound(theft) && !hidden.has(theft) && !isCopyOf(theft),
      )
      .map((theft) => `a theft was not reported: ${describe(theft)}`),
    ...strangers
      .filter((theft) => !isFoundForeign(theft))
      .map((theft) => `a signature of another identity was not reported: ${describe(theft)}`),
  ];
}

/** An open intent may hide a theft only with the same key version, near its time, and from the instance that it names. */
function wrongCoverage({ hidden }: Facts, { covered, ledger, plan }: World): string[] {
  const mayCover = ({ row }: Truth, ledgerId: string) => {
    const intent = ledger.rows.get(ledgerId as Guid);
    if (!intent || intent.keyVersion !== row.keyVersion || !covers(intent, row)) return false;
    return !plan.logsUserAgents || Boolean(row.clientInfo?.startsWith(`keyhold/${intent.instance} `));
  };
  return [...hidden]
    .filter((theft) => [...(covered.get(nameOf(theft.row)) ?? [])].some((id) => !mayCover(theft, id)))
    .map((theft) => `a theft was covered by an intent that cannot be its own: ${describe(theft)}`);
}

function inventedFindings(
  findings: readonly Finding[],
  { hidden, genuine, copied }: Facts,
  { covered, forgery, truths }: World,
): string[] {
  const span = coversBeforeMs + coversAfterMs;
  const swappable = new Set([...hidden, ...[...forgery.deleted].flatMap((id) => genuine.get(id) ?? [])]);
  const underIntents = truths
    .filter(({ row }) => covered.has(nameOf(row)))
    .toSorted((a, b) => b.row.timeMs - a.row.timeMs);
  /** A theft took the intent of a signature, which took the next one's, and so on to the one that is left without. */
  const isSwapped = (foundMs: number) => {
    let fromMs = foundMs;
    for (const truth of underIntents) {
      const { timeMs } = truth.row;
      if (timeMs > foundMs + span) continue;
      if (timeMs < fromMs - span) return false;
      if (swappable.has(truth)) return true;
      fromMs = Math.min(fromMs, timeMs);
    }
    return false;
  };
  const invented = ofKind("unaccounted_signature", findings).flatMap((finding) => {
    const truth = finding.count === undefined ? genuine.get(finding.requestId ?? "") : undefined;
    if (!truth || copied.has(truth.row.requestId) || forgery.deleted.has(truth.row.requestId)) return [];
    // One of two signatures under one open intent is a theft; which, the log does not say.
    return isSwapped(finding.timeMs) ? [] : [`a finding was invented: ${finding.reason} ${describe(truth)}`];
  });
  const others = [...ofKind("foreign_operation", findings), ...ofKind("unaccounted_refusal", findings)];
  return [
    ...invented,
    ...others.map(({ kind, timeMs }) => `a finding was invented: ${kind} at ${new Date(timeMs).toISOString()}`),
  ];
}

/** A row that the log does not have is reported where the ledger knows its request, and no other is. */
function missingRecords(findings: readonly Finding[], { genuine, copied }: Facts, { ledger }: World): string[] {
  const missing = new Set(ofKind("missing_record", findings).map(({ requestId = "" }) => requestId));
  const known = new Set([...ledger.rows.values()].map(({ vaultRequestId }) => vaultRequestId));
  return [
    ...[...missing]
      .filter((requestId) => genuine.get(requestId)?.isLogged)
      .map((requestId) => `a record was reported missing that is there: ${requestId}`),
    ...[...genuine.values()]
      .filter(({ isLogged, row: { requestId } }) => !isLogged && known.has(requestId) && !copied.has(requestId))
      .filter(({ row }) => !missing.has(row.requestId))
      .map((truth) => `a record that is missing was not reported: ${describe(truth)}`),
  ];
}

/** Rows of the ledger without a signature, and signatures whose row was deleted: both are told. */
function missedForgeries(findings: readonly Finding[], { genuine }: Facts, { covered, forgery }: World): string[] {
  const missing = new Set(ofKind("missing_record", findings).map(({ requestId }) => requestId));
  const isFound = listed(ofKind("unaccounted_signature", findings));
  const deleted = [...forgery.deleted].flatMap((requestId) => genuine.get(requestId) ?? []);
  return [
    ...[...forgery.invented]
      .filter((requestId) => !missing.has(requestId))
      .map((requestId) => `a row of the ledger without a signature was not reported: ${requestId}`),
    ...deleted
      .filter((truth) => truth.isLogged && !isFound(truth) && !covered.has(nameOf(truth.row)))
      .map((truth) => `a signature whose row was deleted was not reported: ${describe(truth)}`),
  ];
}

/** Whether a row is one of these findings, or among those that are only counted for its window. */
function listed(findings: readonly Finding[]): (truth: Truth) => boolean {
  const named = new Set(findings.map(nameOf));
  const counted = new Set(findings.filter(({ count }) => count !== undefined).map(({ timeMs }) => windowOf(timeMs)));
  return ({ row }) => named.has(nameOf(row)) || counted.has(windowOf(row.timeMs));
}

function nameOf({ requestId, timeMs }: { requestId?: string; timeMs: number }): string {
  return `${requestId} ${timeMs}`;
}

function windowOf(timeMs: number): number {
  return Math.floor(timeMs / windowMs);
}

/** I9: no instance signs more than its budget in any minute (its bucket starts full, so twice as much at most), probes included. */
function overBudget({ mints }: World): string[] {
  const most = 2 * budget.perMinute * 2;
  return [...mints].flatMap(([name, times]) => {
    let from = 0;
    for (const [to, timeMs] of times.entries()) {
      while (timeMs - (times[from] ?? 0) > 60_000) from += 1;
      if (to - from + 1 > most) return [`I9: ${name} signed ${to - from + 1} times within a minute`];
    }
    return [];
  });
}

function describe({ row, by }: Truth): string {
  return `${by} ${row.requestId} at ${new Date(row.timeMs).toISOString()}, ${row.clientInfo}`;
}
