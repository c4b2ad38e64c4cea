import type { LedgerSearch } from "../../domain/audit/ledger-search.ts";
import type { SuspendedKind, Suspension } from "../../domain/policy/suspensions.ts";
import { exitCodes, type Report } from "../command-problem.ts";
import type { PolicyPlace } from "../policy/policy-place.ts";
import { describeTail, tokenTail } from "../policy/token-tail.ts";
import { printable } from "../printable.ts";
import { changeSuspensions } from "./place.ts";
import { findSubject, type Subject } from "./subject.ts";

export interface SuspensionPorts {
  policyPlace: PolicyPlace;
  suspensionsPlace: PolicyPlace;
  ledger: LedgerSearch;
  /** The operator's name for the entry. Never rejects. */
  operatorName: () => Promise<string>;
  progress: (text: string) => void;
  nowMs: number;
}

export interface SuspensionOptions {
  reason?: string;
  replaceMalformed?: true;
}

/**
 * `tenant|caller|client suspend`: the entry is refused on every instance within 60 s. Needs no valid policy. Suspending
 * it again succeeds.
 */
export async function suspend(
  kind: SuspendedKind,
  nameOrId: string,
  { reason, replaceMalformed }: SuspensionOptions,
  ports: SuspensionPorts,
): Promise<Report> {
  const subject = await findSubject(ports.policyPlace, kind, nameOrId);
  const { id } = subject;
  const at = new Date(ports.nowMs).toISOString();
  const by = plain(await ports.operatorName(), 200);
  const entry: Suspension = { kind, id, by, at, ...(reason && { reason: plain(reason, 500) }) };
  let earlier: Suspension | undefined;
  const changed = await changeSuspensions(
    ports.suspensionsPlace,
    (document) => {
      earlier = document.suspensions.find((each) => each.kind === kind && each.id === id);
      return earlier ? undefined : { ...document, suspensions: [...document.suspensions, entry] };
    },
    replaceMalformed,
  );
  ports.progress("suspended; reading a day of the ledger for tokens that are already out");
  const tail = await tokenTail(ports.ledger, kind, id, ports.nowMs);
  const since = earlier ? ` already, by ${printable(earlier.by)} at ${earlier.at}` : "";
  const lines = [
    `${called(kind, subject)} is suspended in ${printable(ports.suspensionsPlace.name)}${since}.`,
    "It is refused on every instance within 60 s, cached tokens included, even if the policy is broken.",
    ...(subject.name === undefined && subject.unreadable === undefined
      ? [`The policy has no ${kind} with this id: check that it is the right one.`]
      : []),
    ...describeTail(tail, ports.nowMs),
  ];
  const json = { kind, name: subject.name, id, state: "suspended", changed, effectiveWithinSeconds: 60, tail };
  return { exit: exitCodes.fine, text: lines.join("\n"), json };
}

/** `tenant|caller|client resume`: withdraws the suspension, and reports if the policy itself still suspends it. */
export async function resume(
  kind: SuspendedKind,
  nameOrId: string,
  { replaceMalformed }: SuspensionOptions,
  { policyPlace, suspensionsPlace }: SuspensionPorts,
): Promise<Report> {
  const subject = await findSubject(policyPlace, kind, nameOrId);
  const { id, isSuspendedByPolicy } = subject;
  const changed = await changeSuspensions(
    suspensionsPlace,
    (document) => {
      const suspensions = document.suspensions.filter((each) => each.kind !== kind || each.id !== id);
      return suspensions.length === document.suspensions.length ? undefined : { ...document, suspensions };
    },
    replaceMalformed,
  );
  const where = printable(suspensionsPlace.name);
  const done = changed ? `is no longer suspended in ${where}` : `was not suspended in ${where}`;
  const lines = [`${called(kind, subject)} ${done}.`];
  if (changed) lines.push("It takes effect within 60 s on every instance.");
  if (isSuspendedByPolicy) {
    lines.push(`The policy itself still suspends it: set its state to "active" in ${printable(policyPlace.name)}.`);
  } else if (isSuspendedByPolicy === undefined) {
    lines.push(`Whether the policy itself suspends it too is not known: ${subject.unreadable}.`);
  }
  const state = isSuspendedByPolicy === undefined ? undefined : isSuspendedByPolicy ? "suspended" : "active";
  const json = { kind, name: subject.name, id, changed, stateInPolicy: state, effectiveWithinSeconds: 60 };
  return { exit: isSuspendedByPolicy ? exitCodes.wrong : exitCodes.fine, text: lines.join("\n"), json };
}

/**
 * Cuts long text and replaces bytes that are not UTF-8, so that an operator's text cannot make the document malformed.
 */
function plain(text: string, length: number): string {
  return printable(text, length - "...".length).replaceAll("\ufffd", "?");
}

function called(kind: SuspendedKind, { name, id }: Subject): string {
  return name === undefined ? `The ${kind} ${id}` : `${printable(name)} (${kind} ${id})`;
}
