import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { appendFile, cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { lockFolder } from "../../local/stack/lock.ts";
import { openLogFile } from "../../local/stack/log-file.ts";
import { freePorts, portOptions, readPorts } from "../../local/stack/ports.ts";
import { forgetState } from "../../local/stack/saved-state.ts";
import { type Stack, startStack } from "../../local/stack/stack.ts";
import { client, publisher, scopes, tenants } from "../../local/stack/world.ts";
import { askToken, settledLedgerRows } from "../support/test-stack.ts";

/** What lies in the folder of `npm start`, from one start to the next. */

const parent = await mkdtemp(join(tmpdir(), "keyhold-folders-"));
after(() => rm(parent, { recursive: true, force: true }));
const newFolder = () => mkdtemp(join(parent, "folder-"));

/** As `npm start` does it. */
const start = async (folder: string): Promise<Stack> =>
  startStack({ folder, isKept: true, ports: await freePorts(), disabledTimers: ["checkMetadata"], sharedCache: true });

const rowIds = (rows: Record<string, unknown>[]) => rows.map(({ rowKey }) => rowKey).sort();
const signatures = (stack: Stack) => stack.keyVault.audit.filter(({ OperationName }) => OperationName === "KeySign");
const jwksHash = (stack: Stack) =>
  createHash("sha256")
    .update(JSON.stringify(stack.entra.jwks(tenants.contoso.tenantId)))
    .digest("hex");

test("the next start continues with the edited policy, the keys, the vault's log, the ledger and Entra's directory", async (t) => {
  const folder = await newFolder();
  const first = await start(folder);
  t.after(() => first.stop());
  assert.equal((await askToken(first, tenants.contoso.tenantId)).status, 200);
  const policy = JSON.parse(await readFile(first.policyFile, "utf8"));
  policy.tenants.push({ name: "northwind", tenantId: "40000000-0000-4000-8000-0000000000aa", state: "active" });
  await first.writePolicy(policy);
  first.entra.grantConsent("40000000-0000-4000-8000-0000000000aa", client.clientId, {});
  first.entra.revokeConsent(tenants.contoso.tenantId, client.clientId);
  const added = await first.keyVault.createKey(client.keyName);
  first.entra.registerCertificate(client.clientId, added.certificatePem);
  const before = { rows: rowIds(await settledLedgerRows(first)), signatures: signatures(first), keys: jwksHash(first) };
  await first.stop();

  const second = await start(folder);
  t.after(() => second.stop());
  assert.deepEqual(JSON.parse(await readFile(second.policyFile, "utf8")), policy);
  assert.equal(second.key.keyId, first.key.keyId);
  assert.deepEqual(signatures(second), before.signatures);
  assert.deepEqual(rowIds(await second.storage.ledgerRows()), before.rows);
  assert.equal(jwksHash(second), before.keys, "callers' tokens of before are still good");
  const { certificates } = second.entra.application(client.clientId);
  assert.ok(certificates.has(added.x5tS256));
  assert.equal(
    (await askToken(second, "40000000-0000-4000-8000-0000000000aa")).status,
    200,
    "it signs with the kept key",
  );
  const uncached = await askToken(second, tenants.contoso.tenantId, { scope: scopes.orders });
  assert.equal(uncached.status, 424, "the consent stays revoked");
});

test("the files that a running stack has written are enough for the next one, and half a line of the log is skipped", async (t) => {
  const folder = await newFolder();
  const first = await start(folder);
  t.after(() => first.stop());
  await askToken(first, tenants.contoso.tenantId);
  const written = () => readFile(join(folder, "vault-log.jsonl"), "utf8").catch(() => "");
  while (!(await written()).includes("KeySign")) await sleep(50);
  // The folder as it lies there when somebody kills the stack in the middle of a line.
  const left = await newFolder();
  await cp(folder, left, { recursive: true });
  await appendFile(join(left, "vault-log.jsonl"), '{"OperationName":"KeyS');
  const second = await start(left);
  t.after(() => second.stop());
  assert.equal(second.key.keyId, first.key.keyId);
  assert.equal(signatures(first).length, 1);
  assert.deepEqual(signatures(second), signatures(first));
});

test("files with private keys can be read by their owner only", async () => {
  const folder = await newFolder();
  const stack = await start(folder);
  await stack.stop();
  for (const file of ["state.json", "vault-log.jsonl", "ca.key.pem", "server.key.pem"]) {
    assert.equal((await stat(join(folder, file))).mode & 0o077, 0, file);
  }
});

test("after a fresh start there are new keys, the earlier policy is kept aside, and unrelated files stay", async (t) => {
  const folder = await newFolder();
  const first = await start(folder);
  await first.stop();
  const policy = await readFile(first.policyFile, "utf8");
  await writeFile(join(folder, "notes.txt"), "mine");
  await writeFile(join(folder, "policy.suspensions.json"), "{}");
  await forgetState(folder);
  assert.deepEqual(
    (await readdir(folder)).filter((name) => !/\.pem$/.test(name)),
    ["notes.txt", "policy.previous.json"],
  );
  const second = await start(folder);
  t.after(() => second.stop());
  assert.notEqual(second.key.keyId, first.key.keyId);
  assert.equal(await readFile(join(folder, "policy.previous.json"), "utf8"), policy);
  assert.ok((await readFile(second.policyFile, "utf8")).includes(second.publisher.keyId), publisher.keyName);
});

test("a state of another format is ignored, and the stack starts with no data", async (t) => {
  const folder = await newFolder();
  await writeFile(join(folder, "state.json"), JSON.stringify({ format: 0 }));
  await writeFile(join(folder, "policy.json"), "{}");
  const stack = await start(folder);
  t.after(() => stack.stop());
  assert.equal((await askToken(stack, tenants.contoso.tenantId)).status, 200);
  assert.equal(await readFile(join(folder, "policy.previous.json"), "utf8"), "{}");
});

test("a second stack in the same folder is refused, and the message names the process and the setting to change", async () => {
  const folder = await newFolder();
  const lock = await lockFolder(folder, basename(process.argv[1] ?? ""));
  await assert.rejects(lockFolder(folder, "another"), (error: Error) => {
    assert.match(error.message, new RegExp(`process ${process.pid}\\b`));
    assert.match(error.message, /LOCAL_FOLDER.*LOCAL_\*_PORT/);
    return true;
  });
  lock.release();
  const next = await lockFolder(folder, "another");
  next.release();
  assert.equal(existsSync(join(folder, "lock.json")), false);
});

test("a process that a killed stack left running is ended, but not another one that has its pid now", async (t) => {
  const folder = await newFolder();
  const child = spawn(process.execPath, [
    "-e",
    "process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000); console.log('up')",
    folder,
  ]);
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const exited = once(child, "exit");
  const gone = { pid: 2 ** 22 + 1, command: "local/start.ts" };
  const children = (command: string) => JSON.stringify({ ...gone, children: [{ pid: child.pid, command }] });
  await writeFile(join(folder, "lock.json"), children("a program of somebody else"));
  (await lockFolder(folder, "mine")).release();
  assert.equal(child.exitCode, null);
  await writeFile(join(folder, "lock.json"), children(folder));
  (await lockFolder(folder, "mine")).release();
  assert.deepEqual(await exited, [7, null]);
});

test("such a process that ignores SIGTERM is killed", { timeout: 30_000 }, async (t) => {
  const folder = await newFolder();
  const child = spawn(process.execPath, [
    "-e",
    "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')",
    folder,
  ]);
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const exited = once(child, "exit");
  const lock = { pid: 2 ** 22 + 1, command: "local/start.ts", children: [{ pid: child.pid, command: folder }] };
  await writeFile(join(folder, "lock.json"), JSON.stringify(lock));
  (await lockFolder(folder, "mine")).release();
  assert.deepEqual(await exited, [null, "SIGKILL"]);
});

test("a port in use is reported with the local stack that uses it, its process and folder", async (t) => {
  const taken = createServer((_request, response) => {
    const { port } = taken.address() as AddressInfo;
    response.end(JSON.stringify({ pid: 4711, folder: "/somewhere/else", ports: [port] }));
  }).listen(0, "127.0.0.1");
  t.after(() => taken.close());
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const ports = await freePorts();
  const env = Object.entries(portOptions).map(([name, { variable }]) => [
    variable,
    `${ports[name as keyof typeof ports]}`,
  ]);
  await assert.rejects(readPorts({ ...Object.fromEntries(env), LOCAL_CONTROL_PORT: `${port}` }), (error: Error) => {
    assert.match(error.message, /by the local stack of process 4711 in \/somewhere\/else/);
    return true;
  });
});

test("the log of the functions host keeps its newest lines, in a file of bounded size and the previous one", async () => {
  const file = join(await newFolder(), "functions.log");
  const log = openLogFile(file, 1000);
  const line = (number: number) => `${String(number).padStart(99, "0")}\n`;
  for (let i = 0; i < 45; i++) log.write(line(i));
  const kept = `${await readFile(`${file}.1`, "utf8")}${await readFile(file, "utf8")}`;
  assert.equal(kept, [30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44].map(line).join(""));
  assert.ok((await stat(file)).size <= 1000);
  assert.ok((await stat(`${file}.1`)).size <= 1000);
});
