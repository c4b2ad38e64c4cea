/** For tests that need a program that `npm ci` does not install. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * A reason to skip, or false if every file exists. A name without a slash is looked up in PATH.
 * @throws Error if CI is set: nothing is skipped there, and a missing program is a mistake in the machine's setup.
 */
export function skipWithout(files: readonly string[], howToInstall: string): string | false {
  const missing = files.filter((file) => !isPresent(file));
  if (missing.length === 0) return false;
  const reason = `missing: ${missing.join(", ")}. ${howToInstall}`;
  if (process.env.CI) throw new Error(`nothing is skipped where CI is set, but ${reason}`);
  return reason;
}

function isPresent(file: string): boolean {
  if (file.includes("/")) return existsSync(file);
  return (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, file)));
}
