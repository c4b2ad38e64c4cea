/** Apps for the emulated Functions host, the host as a process, and requests as raw bytes. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Limits } from "../../local/emulators/functions-host/platform.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
export const fixture = join(repository, "test/support/fixtures/functions-app/index.ts");

interface Ready {
  httpPort: number;
  httpsPort?: number;
  functions: { name: string; trigger: string; route?: string; methods?: string[]; schedule?: string }[];
}

export interface Host {
  child: ChildProcess;
  ready: Ready;
  stdout(): string;
  stderr(): string;
  exited: Promise<number | null>;
}

/** A temporary folder, removed at the end of the test file. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "functions-host-"));
  after(() => rm(folder, { recursive: true }));
  return folder;
}

/** Writes an app to `root`; a file of `sources` is bundled as the product is. */
export async function createApp(root: string, sources: Record<string, string>, main = "dist/index.js", hostJson = {}) {
  await mkdir(root);
  await writeFile(join(root, "package.json"), JSON.stringify({ type: "module", main }));
  await writeFile(join(root, "host.json"), JSON.stringify(hostJson));
  for (const [file, contents] of Object.entries(sources)) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await build({
      stdin: { contents, resolveDir: dirname(fixture), loader: "ts" },
      outfile: join(root, file),
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node24",
      external: ["@azure/functions-core"],
      banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
    });
  }
  return root;
}

export function spawnHost(root: string, extra: string[] = ["--http", "0"], settings: Record<string, string> = {}) {
  const child = spawn(process.execPath, ["local/emulators/functions-host/main.ts", "--root", root, ...extra], {
    cwd: repository,
    env: { ...process.env, TICK_SCHEDULE: "0 0 0 29 2 *", ...settings },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    output.stdout += chunk;
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    output.stderr += chunk;
  });
  const exited = once(child, "close").then(([code]) => code as number | null);
  return { child, stdout: () => output.stdout, stderr: () => output.stderr, exited };
}

export async function startHost(root: string, extra?: string[], settings?: Record<string, string>): Promise<Host> {
  const host = spawnHost(root, extra, settings);
  const [message] = await Promise.race([
    once(host.child, "message"),
    host.exited.then(() => assert.fail(`the host ended: ${host.stderr()}`)),
  ]);
  assert.equal(message.type, "ready");
  return { ...host, ready: message };
}

/** Host options that shorten Azure's long limits. */
export function withLimits(limits: Partial<Limits>, ...more: string[]): string[] {
  return ["--http", "0", "--limits", JSON.stringify(limits), ...more];
}

export async function stopHost(host: Host): Promise<void> {
  host.child.kill("SIGTERM");
  assert.equal(await host.exited, 0);
}

export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 10) {
    assert.ok(waited < 5000, `waited in vain for ${what}`);
    await sleep(10);
  }
}

interface RawAnswer {
  status: number;
  /** Names in lower case. */
  headers: Map<string, string>;
  /** As sent, with its framing. */
  body: string;
}

/** Sends exactly these bytes (one for each character) and reads until the host closes the connection. */
export async function sendRaw(port: number, bytes: string): Promise<RawAnswer> {
  const socket = connect(port, "127.0.0.1");
  socket.write(bytes, "latin1");
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) text += chunk;
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = lines.map((line) => [line.split(":")[0]?.toLowerCase() ?? "", line.replace(/^[^:]*: /, "")] as const);
  return { status: Number(statusLine.split(" ")[1]), headers: new Map(headers), body: rest.join("\r\n\r\n") };
}
