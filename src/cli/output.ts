import { type CommandProblem, exitCodes, type Report } from "./command-problem.ts";

/** Where a command writes. What was asked for goes to stdout, all else to stderr. */
export interface Output {
  out(text: string): void;
  err(text: string): void;
}

export function writeReport({ text, json, notes = [] }: Report, isJson: boolean, { out, err }: Output): void {
  if (text !== undefined) out(isJson ? JSON.stringify(json, undefined, 2) : text);
  for (const note of notes) err(note);
}

export function writeProblem({ message, where, remedy, details }: CommandProblem, { err }: Output): void {
  err(
    [`error: ${message}`, `where: ${where}`, ...details.map((line) => `  - ${line}`), `remedy: ${remedy}`].join("\n"),
  );
}

/** A bug of ours, or an SDK's error that no command expected. Its text may hold anything, so only its kind is told. */
export function writeUnexpected(kind: string, { err }: Output): typeof exitCodes.unavailable {
  err(
    `error: unexpected (${kind})\nwhere: keyhold itself, or a service that it asked\nremedy: try again, then report it`,
  );
  return exitCodes.unavailable;
}
