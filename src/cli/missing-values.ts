import type { Command } from "commander";

const isAboutMissing = /^error: (missing required argument|required option) /;

/** Makes the command report all missing required values in one error. Commander reports only the first. */
export function reportAllMissing(command: Command): void {
  command.configureOutput({
    outputError: (text, write) =>
      write(isAboutMissing.test(text) ? `error: required and missing: ${missingValues(command).join(", ")}\n` : text),
  });
}

/** The missing values as written in the help: `<tenant>`, `--caller <name|objectId>`. */
function missingValues(command: Command): string[] {
  const firstUnknown = command.args.findIndex((arg) => arg.startsWith("-"));
  const given = firstUnknown < 0 ? command.args.length : firstUnknown;
  const absent = command.registeredArguments.filter(({ required }, index) => required && index >= given);
  const unset = command.options.filter(
    (option) => option.mandatory && command.getOptionValue(option.attributeName()) === undefined,
  );
  return [...absent.map((argument) => `<${argument.name()}>`), ...unset.map(({ flags }) => flags)];
}
