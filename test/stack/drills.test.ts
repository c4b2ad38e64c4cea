import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describeStack } from "../../local/describe-stack.ts";
import { testStack } from "./test-stack.ts";

/** `npm run drill -- NAME` against a running stack: each case raises its alarm and nothing else. */
const stack = await testStack();
await writeFile(join(stack.folder, "stack.json"), JSON.stringify(describeStack(stack)));
const repository = fileURLToPath(new URL("../..", import.meta.url));

async function drill(name: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, ["local/drill.ts", name], {
    cwd: repository,
    env: { ...process.env, LOCAL_FOLDER: stack.folder },
  });
  return [...stdout.matchAll(/^ {2}(.+?) {2,}\{/gm)].map((match) => match[1] ?? "");
}

for (const [name, alarm] of [
  ["silence", "sign rate below"],
  ["theft", "unaccounted_signature"],
  ["log-cut", "missing_record"],
  ["burst", "sign rate above"],
] as const) {
  test(`the drill ${name} raises "${alarm}" and nothing else`, async () => {
    assert.deepEqual(await drill(name), [alarm]);
  });
}
