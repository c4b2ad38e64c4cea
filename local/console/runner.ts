/** Runs the actions of the buttons, one of each kind at a time, and reports their progress to the page. */
import type { Stack } from "../stack/stack.ts";
import type { Action, ActionContext } from "./actions/action.ts";
import type { Live } from "./live.ts";
import type { Run } from "./snapshot.ts";
import type { Watching } from "./watch/watch-stack.ts";

export interface Runner {
  /** Returns the id of the run, or the run that must end first: the same action, or one of its kind. */
  start(name: string, action: Action, input: unknown): { id: number } | { blockedBy: Run };
  stop(): void;
}

const keptRuns = 8;
const keptLines = 40;

export function createRunner(stack: Stack, live: Live, watching: Watching): Runner {
  const runs: Run[] = [];
  const stopping = new AbortController();
  let lastId = 0;
  const show = () => live.set("runs", structuredClone(runs));
  show();

  async function carryOut(run: Run, action: Action, input: unknown): Promise<void> {
    const context: ActionContext = {
      stack,
      signal: stopping.signal,
      event: watching.event,
      eventsSince: watching.eventsSince,
      say(line) {
        if (run.lines.length < keptLines) run.lines.push(line.slice(0, 400));
        show();
      },
    };
    try {
      await action.run(input, context);
      run.state = "done";
    } catch (error) {
      run.state = "failed";
      run.lines.push(error instanceof Error ? error.message.slice(0, 400) : "it failed");
    }
    run.endedMs = Date.now();
    show();
    await watching.look();
  }

  return {
    start(name, action, input) {
      const kind = action.kind ?? name;
      const isInTheWay = (run: Run) => run.action === name || kindOf.get(run) === kind;
      const blockedBy = runs.find((run) => run.state === "running" && isInTheWay(run));
      if (blockedBy) return { blockedBy };
      const run: Run = {
        id: ++lastId,
        action: name,
        input: input as Record<string, unknown>,
        title: action.title(input),
        state: "running",
        startedMs: Date.now(),
        lines: [],
      };
      kindOf.set(run, kind);
      runs.unshift(run);
      while (runs.length > keptRuns && runs.at(-1)?.state !== "running") runs.pop();
      show();
      void carryOut(run, action, input);
      return { id: run.id };
    },
    stop: () => stopping.abort(),
  };
}

/** Runs that would interfere with each other have the same kind. */
const kindOf = new WeakMap<Run, string>();
