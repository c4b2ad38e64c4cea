/** `npm`, whose work was done before the test, and `zip`. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dispatch, match, UsageError } from "./command-line.ts";

export function npm(args: readonly string[]): undefined {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };
  const [verb, script = ""] = args;
  const isKnown = (args.length === 1 && verb === "ci") || (args.length === 2 && verb === "run" && scripts[script]);
  if (!isKnown) throw new UsageError("not a command that is known here");
}

export function zip(args: readonly string[]): undefined {
  const [quiet, ...rest] = args;
  if (quiet !== "--quiet") throw new UsageError("not a command that is known here");
  const packed = {
    required: ["--recurse-paths"],
    optional: ["--exclude"],
    lists: ["--recurse-paths"],
    run(options: Record<string, string>) {
      const [file = "", ...contents] = (options["--recurse-paths"] ?? "").split("\n");
      match(options, "--exclude", /^dist\/cli\.js\*$/);
      const missing = contents.filter((each) => !existsSync(each));
      if (missing.length > 0) throw new UsageError(`there is no ${missing.join(", ")}`);
      writeFileSync(file, "");
      return undefined;
    },
  };
  dispatch({ "": packed }, rest);
}
