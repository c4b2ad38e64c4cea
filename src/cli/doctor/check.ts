import { setTimeout as sleep } from "node:timers/promises";
import { errorClass } from "../../adapters/azure/error.ts";
import { isNotSignedIn, notSignedIn } from "../command-problem.ts";

/**
 * One line of `doctor`. Green: what was checked, and the answer. Red: what is wrong, why it matters and how to fix it.
 * Grey: why it could not be checked. It may still be wrong.
 */
export type Verdict =
  | { state: "green"; reason: string }
  | { state: "red"; reason: string; why: string; remedy: string }
  | { state: "grey"; reason: string };

export interface Check {
  /** Stable, for machines: `vault/sign`. */
  id: string;
  title: string;
  /** An exception makes the line grey. */
  run(signal: AbortSignal): Promise<Verdict>;
}

export type CheckResult = Verdict & { id: string; title: string };

/** The verdict if all is as it should be. */
export const green = (reason: string): Verdict => ({ state: "green", reason });
/** The verdict if it could not be checked or does not apply here. Does not count as wrong. */
export const grey = (reason: string): Verdict => ({ state: "grey", reason });
/** The verdict if something is wrong: what was found, why it matters, and how to fix it. */
export const red = (reason: string, why: string, remedy: string): Verdict => ({ state: "red", reason, why, remedy });

interface RunOptions {
  parallel: number;
  /** Milliseconds for each check, so that a hanging one does not delay the others. */
  deadlineMs: number;
  /** Called after each check with the number of completed checks. */
  onProgress?: (done: number) => void;
}

/** Runs the checks in parallel. Results are in the order of the checks. */
export async function runChecks(checks: readonly Check[], options: RunOptions): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  let next = 0;
  let done = 0;
  const work = async () => {
    for (let i = next++; i < checks.length; i = next++) {
      const check = checks[i];
      if (check) results[i] = { id: check.id, title: check.title, ...(await runOne(check, options.deadlineMs)) };
      options.onProgress?.(++done);
    }
  };
  await Promise.all(Array.from({ length: options.parallel }, work));
  return results;
}

async function runOne(check: Check, deadlineMs: number): Promise<Verdict> {
  const end = new AbortController();
  const timeout = sleep(deadlineMs, undefined, { signal: end.signal }).then(
    () => grey(`no answer within ${deadlineMs / 1000} s`),
    () => grey("cancelled"),
  );
  const signal = AbortSignal.any([end.signal, AbortSignal.timeout(deadlineMs)]);
  try {
    return await Promise.race([check.run(signal), timeout]);
  } catch (error) {
    return grey(reasonOf(error));
  } finally {
    end.abort();
  }
}

/** Why a check failed to run. Never the error's text, because it may contain key URLs. */
function reasonOf(error: unknown): string {
  return isNotSignedIn(error) ? notSignedIn : `could not be checked (${errorClass(error)})`;
}

export const needsAppIdentity =
  "needs the app's own identity: run it where that is, such as in a container with it in the app's network";
