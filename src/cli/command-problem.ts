/** How a command ends. 0: fine. 1: it found something wrong, or refused. 2: not as it must be called. 3: not known. */
export const exitCodes = { fine: 0, wrong: 1, usage: 2, unavailable: 3 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * Ends a command with an error: what is the matter, where, and what helps. Holds no secret, no key URL and no text of
 * an SDK, for it goes to terminals and to the logs of pipelines.
 */
export class CommandProblem extends Error {
  override readonly name = "CommandProblem";
  readonly kind: Exclude<keyof typeof exitCodes, "fine">;
  readonly where: string;
  readonly remedy: string;
  /** More of the same kind, one line each. */
  readonly details: readonly string[];

  constructor(
    kind: CommandProblem["kind"],
    what: string,
    { where, remedy, details = [] }: { where: string; remedy: string; details?: readonly string[] },
  ) {
    super(what);
    this.kind = kind;
    this.where = where;
    this.remedy = remedy;
    this.details = details;
  }
}

/** What a command has to say: for people, or with --json for machines; `notes` go to stderr. */
export interface Report {
  exit: ExitCode;
  /** Undefined: the command has written its answer already. */
  text?: string;
  json?: unknown;
  notes?: readonly string[];
}
