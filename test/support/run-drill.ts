import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describeStack } from "../../local/stack/describe-stack.ts";
import { testStack } from "./test-stack.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/**
 * A stack for one test file, and a function that runs drills on it as `npm run drill` does and returns their output.
 */
export async function stackForDrills() {
  const stack = await testStack();
  await writeFile(join(stack.folder, "stack.json"), JSON.stringify(describeStack(stack)));
  const env = { ...process.env, LOCAL_FOLDER: stack.folder };
  const drill = async (name: string): Promise<string> =>
    (await promisify(execFile)(process.execPath, ["local/drill.ts", name], { cwd: repository, env })).stdout;
  return { stack, drill };
}
