import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { repository } from "../support/source-tree.ts";
import type { Seeded } from "./hook.ts";

/** Of types that were blanked and code that was compiled: most of a short run is that. */
const compileCache = join(tmpdir(), "keyhold-mutation-cache");
const hook = fileURLToPath(new URL("hook.ts", import.meta.url));

export type TestResult = "passed" | "failed" | "timed out";

/**
 * Runs one test file in a process of its own, and ends that with the first test that fails: the file is run for one
 * mutant, or with `coverageFolder` to learn what it executes.
 */
export function runTest(
  testFile: string,
  { limitMs, mutant, coverageFolder }: { limitMs: number; mutant?: Seeded; coverageFolder?: string },
): Promise<TestResult> {
  const env = {
    ...process.env,
    NODE_NO_WARNINGS: "1",
    // What comes from the cache is counted as executed.
    ...(!coverageFolder && { NODE_COMPILE_CACHE: compileCache }),
    ...(mutant && { MUTANT: JSON.stringify(mutant) }),
    ...(coverageFolder && { NODE_V8_COVERAGE: coverageFolder }),
  };
  const args = [...(mutant ? ["--import", hook] : []), "--test-reporter=tap", testFile];
  const child = spawn(process.execPath, args, { cwd: repository, env, stdio: ["ignore", "pipe", "ignore"] });
  return new Promise((resolve) => {
    const end = (result: TestResult) => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      resolve(result);
    };
    const timer = setTimeout(() => end("timed out"), limitMs);
    let tail = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      const text = tail + chunk;
      // Not the summary of a suite that was cut off in the middle of a line.
      if (/^ *not ok /m.test(text)) end("failed");
      tail = text.slice(text.lastIndexOf("\n") + 1);
    });
    child.once("exit", (code) => end(code === 0 ? "passed" : "failed"));
  });
}
