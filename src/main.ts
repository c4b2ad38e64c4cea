/** The app: composes it and registers its functions. `index.ts` loads the bundle of it. */
import { app } from "@azure/functions";
import { compose, framesOf, inSource } from "./composition.ts";
import { type NotConfigured, register } from "./functions.ts";

/**
 * The platform shows only the first line of what a failing load says and then answers 404 to everything, so a load never
 * fails: one line with the word "error" names all problems, and the routes answer 503. Of an unexpected error it has the
 * stack frames, never the message.
 */
function reportProblems(error: unknown): NotConfigured {
  const report = hasProblems(error) ? { problems: error.problems } : unexpected(error);
  const line = { time: new Date().toISOString(), level: "error", event: "not_configured", ...report };
  console.error(JSON.stringify(line));
  return report;
}

function unexpected(error: unknown): NotConfigured & { frames: readonly string[] } {
  return { problems: [error instanceof Error ? error.name : "unknown"], frames: inSource(framesOf(error)) };
}

function hasProblems(error: unknown): error is { problems: readonly string[] } {
  return typeof error === "object" && error !== null && "problems" in error && Array.isArray(error.problems);
}

function composeOrReport(): ReturnType<typeof compose> | NotConfigured {
  try {
    return compose();
  } catch (error) {
    return reportProblems(error);
  }
}

register(app, composeOrReport());
