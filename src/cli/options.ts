import { InvalidArgumentError } from "commander";
import { type Guid, parseGuid } from "../domain/shared/guid.ts";
import { CommandProblem } from "./command-problem.ts";

/** What operators type, as the commands need it. */

export function requireGuid(where: string, text: string): Guid {
  const id = parseGuid(text);
  if (id !== undefined) return id;
  throw new CommandProblem("usage", `${where} is not a GUID`, { where, remedy: "give its 36 characters" });
}

/** For commander: a whole number from 1 on. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a whole number from 1 on.");
}
