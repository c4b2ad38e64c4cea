/** Tests that need a program which does not come with `npm ci`. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * A reason to skip, or false where every file is there. A name without a slash is looked up in PATH.
 * @throws where CI is set: there nothing is skipped, and a missing program is a fault of the machine's set-up.
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
