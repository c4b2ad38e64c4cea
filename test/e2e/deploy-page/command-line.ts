/** A command line that the real program would not accept. */
export class UsageError extends Error {}

export type Options = Record<string, string>;
/** The answer; undefined prints nothing. */
type Run = (options: Options) => string | undefined | Promise<string | undefined>;

export interface Known {
  required?: readonly string[];
  optional?: readonly string[];
  /** Options whose values are several words, joined by a line break. */
  lists?: readonly string[];
  run: Run;
}

/** Runs the command whose words the arguments begin with; every option must be one of its own. */
export function dispatch(known: Readonly<Record<string, Known>>, args: readonly string[]): ReturnType<Run> {
  const first = args.findIndex((each) => each.startsWith("--"));
  const words = (first < 0 ? args : args.slice(0, first)).join(" ");
  const command = known[words];
  if (!command) throw new UsageError("not a command that is known here");
  const { required = [], optional = [], lists = [], run } = command;
  const options = parseOptions(first < 0 ? [] : args.slice(first), lists);
  const names = Object.keys(options);
  const unknown = names.filter((name) => ![...required, ...optional, ...lists].includes(name));
  const missing = required.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new UsageError(`unknown options: ${unknown.join(", ")}`);
  if (missing.length > 0) throw new UsageError(`missing options: ${missing.join(", ")}`);
  return run(options);
}

function parseOptions(args: readonly string[], lists: readonly string[]): Options {
  const options: Options = {};
  for (let i = 0; i < args.length; ) {
    const name = args[i++] ?? "";
    const end = args.findIndex((each, at) => at >= i && each.startsWith("--"));
    const values = args.slice(i, end < 0 ? undefined : end);
    i += values.length;
    if (!name.startsWith("--") || name in options) throw new UsageError(`not an option, or twice: ${name}`);
    const isOne = values.length === 1 || (values.length > 1 && lists.includes(name));
    if (!isOne || values.includes("")) throw new UsageError(`${name} needs a value`);
    options[name] = values.join("\n");
  }
  return options;
}

/** An option that must match. */
export function match(options: Options, name: string, pattern: RegExp): string {
  const value = options[name] ?? "";
  if (!pattern.test(value)) throw new UsageError(`${name} is not usable: ${value}`);
  return value;
}
