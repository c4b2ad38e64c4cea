import { CommandProblem, isNotSignedIn, notSignedInProblem } from "../command-problem.ts";

export interface SetupStep {
  what: string;
  /**
   * `found`: it existed. `done`: this run created it. `planned`: a run without --dry-run would create it. `waiting`: it
   * was refused, and `remedy` says who can do it or how. `later`: it depends on a step that is not done yet.
   */
  state: "found" | "done" | "planned" | "waiting" | "later";
  because?: string;
  remedy?: string;
}

interface Wanted<T> {
  what: string;
  /** Undefined if it is missing. */
  find: () => Promise<T | undefined>;
  create: () => Promise<T>;
  /** What to report once it exists, such as its id. */
  describe?: (thing: T) => string;
}

export interface Steps {
  readonly taken: readonly SetupStep[];
  /**
   * Checks first, and creates only what is missing. Undefined if it does not exist afterwards: in a dry run, or after a
   * refusal, which is noted and does not end the run.
   * @throws CommandProblem if nobody is signed in
   */
  ensure<T>(wanted: Wanted<T>): Promise<T | undefined>;
  /** Notes a step that cannot be checked yet. */
  postpone(because: string, ...whats: string[]): undefined;
}

/** The steps of one run. `dryRun`: only checks. `progress` shows the current step. */
export function createSteps(dryRun: boolean, progress: (text: string) => void): Steps {
  const taken: SetupStep[] = [];
  return {
    taken,
    async ensure({ what, find, create, describe }) {
      const said = (thing: Awaited<ReturnType<typeof create>>) => (describe ? `${what}: ${describe(thing)}` : what);
      progress(what);
      try {
        const found = await find();
        if (found !== undefined) {
          taken.push({ what: said(found), state: "found" });
          return found;
        }
        if (dryRun) {
          taken.push({ what, state: "planned" });
          return undefined;
        }
        const made = await create();
        taken.push({ what: said(made), state: "done" });
        return made;
      } catch (error) {
        if (isNotSignedIn(error)) throw notSignedInProblem();
        if (!(error instanceof CommandProblem)) throw error;
        const because = [error.message, ...error.details].join("; ");
        taken.push({ what, state: "waiting", because, remedy: error.remedy });
        return undefined;
      }
    },
    postpone(because, ...whats) {
      for (const what of whats) taken.push({ what, state: "later", because });
    },
  };
}
