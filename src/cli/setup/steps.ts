import { CommandProblem, isNotSignedIn, notSignedInProblem } from "../command-problem.ts";

export interface SetupStep {
  what: string;
  /**
   * `found`: it was there. `done`: this run made it. `planned`: a run without --dry-run would. `waiting`: it was refused
   * here, and `remedy` says who or what helps. `later`: it needs a step that is not done yet.
   */
  state: "found" | "done" | "planned" | "waiting" | "later";
  because?: string;
  remedy?: string;
}

interface Wanted<T> {
  what: string;
  /** Undefined where it is missing. */
  find: () => Promise<T | undefined>;
  create: () => Promise<T>;
  /** What to say of it once it is there, such as its id. */
  describe?: (thing: T) => string;
}

export interface Steps {
  readonly taken: readonly SetupStep[];
  /**
   * Looks first, and creates only what is missing. Undefined where it is not there afterwards: in a dry run, or where it
   * was refused, which is noted and ends nothing.
   * @throws CommandProblem where nobody is signed in.
   */
  ensure<T>(wanted: Wanted<T>): Promise<T | undefined>;
  /** Notes what cannot be looked at yet. */
  postpone(because: string, ...whats: string[]): undefined;
}

/** The steps of one run. `dryRun`: only looks. `progress` shows the one that is under way. */
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
