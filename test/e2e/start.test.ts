import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePorts, type Ports, portOptions } from "../../local/stack/ports.ts";
import { publisher } from "../../local/stack/world.ts";

/** What `npm start` runs, as a newcomer sees it. */
const repository = fileURLToPath(new URL("../..", import.meta.url));
const parent = await mkdtemp(join(tmpdir(), "keyhold-start-"));
after(() => rm(parent, { recursive: true, force: true }));
const folder = join(parent, "it's a folder");

function environment(ports: Ports): NodeJS.ProcessEnv {
  const variables = Object.entries(portOptions).map(([name, { variable }]) => [
    variable,
    `${ports[name as keyof Ports]}`,
  ]);
  return { ...process.env, LOCAL_FOLDER: folder, ...Object.fromEntries(variables) };
}

function start(ports: Ports): { child: ChildProcess; output: () => string } {
  const argv = ["--import", "./local/stack/network/ends-with-parent.ts", "local/start.ts"];
  const child = spawn(process.execPath, argv, {
    cwd: repository,
    env: environment(ports),
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
  }
  after(() => child.kill("SIGKILL"));
  return { child, output: () => text };
}

async function until(condition: () => boolean, child: ChildProcess): Promise<void> {
  while (!condition()) {
    assert.equal(child.exitCode, null, "it runs");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("npm start prints a command that returns a token and one that is refused, and Ctrl-C stops everything", async () => {
  const { child, output } = start(await freePorts());
  await until(() => output().includes("Ctrl-C stops everything."), child);
  const commands = output().match(/^ {2}curl [\s\S]*?\.default$/gm) ?? [];
  assert.equal(commands.length, 2);
  const [, page = ""] = /^Watch it in a browser: (http:\/\/localhost:\d+)\n/.exec(output()) ?? [];
  assert.ok(page, "the first line is the console's address");
  assert.equal((await fetch(page)).status, 200);
  const [issued, refused] = await Promise.all(
    commands.map(async (command) => {
      // They work wherever somebody pastes them.
      const { stdout } = await promisify(execFile)("sh", ["-c", command], { cwd: "/" });
      return JSON.parse(stdout) as Record<string, unknown>;
    }),
  );
  assert.equal(issued?.token_type, "Bearer");
  assert.equal(refused?.error, "access_denied");
  const stack = JSON.parse(await readFile(join(folder, "stack.json"), "utf8"));
  const audit = (await (await fetch(stack.keyVault.audit)).json()) as { OperationName: string; Id: string }[];
  // The timer that comes twice a minute may have published idp.xml by now.
  const rows = audit.filter(
    ({ OperationName, Id }) => OperationName !== "Authentication" && !Id.includes(publisher.keyName),
  );
  const operations = rows.map((row) => row.OperationName);
  assert.deepEqual(operations, ["KeyUnwrap", "KeySign"], "the key of the shared tokens, and one signature");
  // Once all is published, that timer fetches nothing in the middle of the drill.
  const published = await fetch(`${stack.keyhold.http}/admin/functions/checkMetadata?wait=true`, { method: "POST" });
  assert.equal(published.status, 200);
  const drill = await promisify(execFile)(process.execPath, ["local/drill.ts", "rollover"], {
    cwd: repository,
    env: { ...process.env, LOCAL_FOLDER: folder },
  });
  assert.equal(drill.stdout.match(/is answered with 200/g)?.length, 3);
  const verified = [...drill.stdout.matchAll(/verified keys +(.+)/g)].map((match) => match[1]?.split(" ").length);
  assert.deepEqual(verified, [1, 2], "the announced key is known before it is used");
  child.kill("SIGINT");
  const [exitCode] = await once(child, "exit");
  assert.equal(exitCode, 0);
  await assert.rejects(fetch(stack.keyVault.audit));
  await assert.rejects(fetch(page));
});

test("a port in use is reported with its purpose and how to choose another", async () => {
  const ports = await freePorts();
  const squatter = createServer().listen(ports.keyVault, "127.0.0.1");
  await once(squatter, "listening");
  const { child, output } = start(ports);
  const [exitCode] = await once(child, "close");
  squatter.close();
  assert.equal(exitCode, 1);
  assert.match(
    output(),
    new RegExp(`port ${ports.keyVault} \\(the Key Vault emulator\\) is taken.*LOCAL_KEY_VAULT_PORT`),
  );
});
