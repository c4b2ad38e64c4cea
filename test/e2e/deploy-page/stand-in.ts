/**
 * Simulates `az`, `azd`, `npm` and `zip` for the deploy page: each command line is checked as far as possible without
 * Azure, and the answers contain what the page reads from them. Run as `node stand-in.ts <program> <arguments>`; the
 * state is stored in the folder STAND_IN_FOLDER. Anything unknown is refused with exit code 2.
 */

import { UsageError } from "./command-line.ts";
import { az } from "./stand-in-az.ts";
import { azd } from "./stand-in-azd.ts";
import { npm, zip } from "./stand-in-files.ts";

const programs = { az, azd, npm, zip };

const [program = "", ...args] = process.argv.slice(2);
try {
  const answer = await programs[program as keyof typeof programs](args);
  if (answer !== undefined) process.stdout.write(`${answer}\n`);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${program} ${args.join(" ")}: ${error.message}\n`);
  process.exitCode = 2;
}
