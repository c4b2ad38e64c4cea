import { Command } from "commander";
import { errorClass } from "../adapters/azure/error.ts";
import { addCertificateCommand } from "./certificate/command.ts";
import { addPublisherCommand } from "./certificate/publisher-command.ts";
import {
  CommandProblem,
  type ExitCode,
  exitCodes,
  isNotSignedIn,
  notSignedInProblem,
  type Output,
  writeProblem,
  writeReport,
  writeUnexpected,
} from "./command-problem.ts";
import type { CommandContext, CommandEnvironment } from "./connection.ts";
import { addCredentialsCommand } from "./credentials-status.ts";
import { addDoctorCommand } from "./doctor/command.ts";
import { addRotationCommands } from "./findings/announce.ts";
import { addFindingsCommands } from "./findings/commands.ts";
import { addLedgerCommand } from "./ledger/commands.ts";
import { addMetadataCommands } from "./metadata/commands.ts";
import { reportAllMissing } from "./missing-values.ts";
import { addPolicyCommands } from "./policy/commands.ts";
import { escapeUnsafe, printable } from "./printable.ts";
import { addSetupCommand } from "./setup/command.ts";
import { addSharedCacheCommand } from "./shared-cache.ts";
import { addStopCommand } from "./stop/command.ts";
import { addSuspensionCommands } from "./suspensions/commands.ts";

const summary =
  "The operators' command line of Keyhold. It reads the app's own settings from the environment and acts as whoever is " +
  "signed in with az login or azd auth login; where the platform offers managed identities, as the app's own.";

const exitHelp = `
Exit codes: 0 fine, 1 something is wrong or was refused, 2 usage error, 3 could not be checked.
Settings:   those of the running local stack (npm start), or of a deployment: docs/operate/cli.md#settings-and-identity.`;

/** Runs one command line; never throws. */
export async function runCommandLine(args: readonly string[], environment: CommandEnvironment): Promise<ExitCode> {
  let exit: ExitCode = exitCodes.fine;
  // Table, policy and arguments may contain foreign text, which must not control the terminal or a reader of JSON.
  let isProgressShown = false;
  const progress = (text: string) => {
    if (text === "" && !isProgressShown) return;
    isProgressShown = text !== "";
    environment.progress(printable(text, 100));
  };
  const write = (to: keyof Output) => (text: string) => {
    progress("");
    environment.output[to](escapeUnsafe(text));
  };
  const output: Output = { out: write("out"), err: write("err") };
  const program = new Command("keyhold")
    .description(summary)
    .version(environment.version)
    .option("--json", "for machines: one JSON document on stdout")
    .option("--operator-identity <clientId>", "act as this managed identity instead of who is signed in")
    .addHelpText("after", exitHelp)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.out(text.trimEnd()),
      writeErr: (text) => output.err(text.trimEnd()),
    });
  const run: CommandContext["run"] = async (body) => {
    const { json = false, operatorIdentity } = program.opts<GlobalOptions>();
    const options = operatorIdentity === undefined ? {} : { operatorIdentity };
    const report = await body(
      () => environment.connect(options),
      json,
      () => environment.operatorOf(options),
    );
    writeReport(report, json, output);
    exit = report.exit;
  };
  const context = { ...environment, output, progress, run };
  const kinds = addPolicyCommands(program, context);
  addSuspensionCommands(program, kinds, context);
  addCertificateCommand(kinds.client, context);
  addPublisherCommand(program, context);
  addLedgerCommand(program, context);
  addMetadataCommands(program, context);
  addCredentialsCommand(program, context);
  addSharedCacheCommand(program, context);
  addSetupCommand(program, context);
  addStopCommand(program, context);
  addFindingsCommands(program, context);
  addRotationCommands(program, context);
  addDoctorCommand(program, context);
  for (const command of allCommands(program)) {
    command.showHelpAfterError(`try: ${helpOf(command)}`);
    reportAllMissing(command);
  }
  let current = program;
  program.hook("preAction", (_, command) => {
    current = command;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return exit;
  } catch (thrown) {
    const error = isNotSignedIn(thrown) ? notSignedInProblem() : thrown;
    if (error instanceof CommandProblem) {
      writeProblem(error, helpOf(current), output);
      return exitCodes[error.kind];
    }
    if (isOfCommander(error)) return error.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
    return writeUnexpected(errorClass(error), output);
  } finally {
    progress("");
  }
}

/** The command and all its subcommands. */
function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

/** The command line that prints the help of a command: `keyhold tenant suspend --help`. */
function helpOf(command: Command): string {
  const names = [];
  for (let each: Command | null = command; each; each = each.parent) names.unshift(each.name());
  return `${names.join(" ")} --help`;
}

interface GlobalOptions {
  json?: true;
  operatorIdentity?: string;
}

/** Whether commander threw the error. Its message has been written already. */
function isOfCommander(error: unknown): error is { exitCode: number } {
  return error instanceof Error && "exitCode" in error && typeof error.exitCode === "number";
}
