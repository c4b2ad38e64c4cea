import { errorClass } from "../adapters/azure/error.ts";
import { printable } from "./printable.ts";

/**
 * Exit codes. 0: success. 1: the command found a problem, or refused. 2: usage error. 3: something was unavailable, so
 * the result is not known.
 */
export const exitCodes = { fine: 0, wrong: 1, usage: 2, unavailable: 3 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * Ends a command with an error: what is wrong, where, and how to fix it. Contains no secret, no key URL and no text of
 * an SDK, because it is printed to terminals and to the logs of pipelines.
 */
export class CommandProblem extends Error {
  override readonly name = "CommandProblem";
  readonly kind: Exclude<keyof typeof exitCodes, "fine">;
  readonly where: string;
  readonly remedy: string;
  /** Further problems of the same kind, one line each. */
  readonly details: readonly string[];
  /**
   * The command line that helps. Undefined: the doctor if something is unavailable, otherwise the help of the failed
   * command.
   */
  readonly command: string | undefined;

  constructor(kind: CommandProblem["kind"], what: string, { where, remedy, details = [], command }: ProblemDetail) {
    super(what);
    this.kind = kind;
    this.where = where;
    this.remedy = remedy;
    this.details = details;
    this.command = command;
  }
}

interface ProblemDetail {
  where: string;
  remedy: string;
  details?: readonly string[];
  command?: string;
}

/** There are no settings, because neither a local stack nor a deployment is known. Written as one line. */
export class NotConnected extends CommandProblem {
  constructor() {
    super("usage", "Keyhold is not connected", {
      where: "the environment, which has no KEYHOLD_ settings",
      remedy:
        "start the local stack in a clone (npm start), or export the settings of a deployment " +
        "(docs/operate/cli.md#settings-and-identity)",
    });
  }
}

/** What a command reports: for people, or with --json for machines. `notes` go to stderr. */
export interface Report {
  exit: ExitCode;
  /** Undefined: the command has written its answer already. */
  text?: string;
  json?: unknown;
  notes?: readonly string[];
}

/** Whether a credential's error means that the operator is not signed in. */
export function isNotSignedIn(error: unknown): boolean {
  return /^(CredentialUnavailable|AggregateAuthentication|ChainedTokenCredential)/.test(errorClass(error));
}

export const notSignedIn = "sign in: az login, or azd auth login";

/** The problem that ends a command if no credential works (exit code 3). */
export function notSignedInProblem(): CommandProblem {
  return new CommandProblem("unavailable", "Nobody is signed in here", {
    where: "the Azure CLI and the Azure Developer CLI",
    remedy: "sign in, or give --operator-identity where there are managed identities",
    command: "az login",
  });
}

/** Where a command writes. The answer goes to stdout, everything else to stderr. */
export interface Output {
  out(text: string): void;
  err(text: string): void;
}

/** Writes text, or with `isJson` one JSON document, to stdout, and the notes to stderr. */
export function writeReport({ text, json, notes = [] }: Report, isJson: boolean, { out, err }: Output): void {
  if (text !== undefined) out(isJson ? JSON.stringify(json, undefined, 2) : text);
  for (const note of notes) err(note);
}

/** Shows what cannot be reached, and why. */
const doctor = "keyhold doctor";

/**
 * Writes error, place, details, remedy and the command that helps to stderr, one line each. `helpCommand`: its default.
 */
export function writeProblem(problem: CommandProblem, helpCommand: string, { err }: Output): void {
  const { kind, message, where, remedy, details, command = kind === "unavailable" ? doctor : helpCommand } = problem;
  const whole = [
    ...[`error: ${message}`, `where: ${where}`, ...details.map((line) => `  - ${line}`), `remedy: ${remedy}`],
    `try: ${command}`,
  ];
  const lines = problem instanceof NotConnected ? [`error: ${message}: ${remedy}`] : whole;
  err(lines.map((line) => printable(line, 2_000)).join("\n"));
}

/**
 * Writes an unexpected error: a bug of ours, or an SDK error that no command handles. Its text may contain anything, so
 * only its class is printed.
 */
export function writeUnexpected(kind: string, { err }: Output): typeof exitCodes.unavailable {
  const where = "keyhold itself, or a service that it asked";
  err(`error: unexpected (${kind})\nwhere: ${where}\nremedy: try again, then report it\ntry: ${doctor}`);
  return exitCodes.unavailable;
}
