/** The entry that package.json `main` names, bundled to dist/index.js. */
import { app } from "@azure/functions";
import { compose } from "./composition.ts";
import { type NotConfigured, register } from "./functions.ts";

/**
 * The platform shows only the first line of what a failing load says and then answers 404 to everything, so a load never
 * fails: one line with the word "error" names all problems, and the routes answer 503.
 */
function reportProblems(error: unknown): NotConfigured {
  const problems = hasProblems(error) ? error.problems : [error instanceof Error ? error.name : "unknown"];
  console.error(JSON.stringify({ time: new Date().toISOString(), level: "error", event: "not_configured", problems }));
  return { problems };
}

function hasProblems(error: unknown): error is { problems: readonly string[] } {
  return typeof error === "object" && error !== null && "problems" in error && Array.isArray(error.problems);
}

register(app, await compose().catch(reportProblems));
