import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { TokenCredential } from "@azure/identity";
import { DeadlineExceeded, within } from "../../../../src/adapters/azure/deadline.ts";
import { openBlob, openContainer, openTable, patience } from "../../../../src/adapters/storage/clients.ts";

/** Accepts connections and says nothing, not even in the TLS handshake. */
const sockets = new Set<Socket>();
const silent = createServer((socket) => sockets.add(socket.on("error", () => {})));
await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
after(() => {
  for (const socket of sockets) socket.destroy();
  silent.close();
});
const silentUrl = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;

const quick: TokenCredential = {
  getToken: async () => ({ token: "token", expiresOnTimestamp: Date.now() + 3_600_000 }),
};
/** Like a managed identity's endpoint that accepts the connection and does not answer: the signal does not end it. */
const hanging: TokenCredential = { getToken: () => new Promise(() => {}) };
const impatient = { withinMs: 150, attempts: 1 };
const isLate = (error: unknown) => error instanceof DeadlineExceeded;

for (const [what, credential] of [
  ["storage that does not answer", quick],
  ["an identity's endpoint that does not answer", hanging],
] as const) {
  test(`every operation ends in time with ${what}`, async () => {
    const startedMs = performance.now();
    const table = openTable(`${silentUrl}/ledger`, credential, impatient);
    const blob = openBlob(`${silentUrl}/policy/policy.json`, credential, impatient);
    const inContainer = openContainer(`${silentUrl}/metadata`, credential, impatient)("common.json");
    const entity = { partitionKey: "a", rowKey: "b" };
    const operations: Record<string, () => Promise<unknown>> = {
      createEntity: () => table.createEntity(entity),
      updateEntity: () => table.updateEntity(entity, "Merge"),
      upsertEntity: () => table.upsertEntity(entity, "Replace"),
      getEntity: () => table.getEntity("a", "b"),
      deleteEntity: () => table.deleteEntity("a", "b"),
      listEntities: () => table.listEntities().next(),
      "read a blob": () => blob.read(),
      "write a blob": () => blob.write("text", undefined),
      "read of a container": () => inContainer.read("etag"),
      "write of a container": () => inContainer.write("text", "etag"),
    };
    await Promise.all(Object.entries(operations).map(([name, run]) => assert.rejects(run, isLate, name)));
    assert.ok(performance.now() - startedMs < 10_000);
  });
}

test("a caller's own signal ends an operation of a table before the deadline", async () => {
  const table = openTable(`${silentUrl}/ledger`, quick, patience.background);
  const end = new AbortController();
  setTimeout(() => end.abort(), 50);
  await assert.rejects(table.getEntity("a", "b", { abortSignal: end.signal }), { name: "AbortError" });
});

test("a call that ends in time returns its result, and its signal is never aborted", async () => {
  const signals: AbortSignal[] = [];
  const call = async (signal: AbortSignal) => {
    signals.push(signal);
    return 7;
  };
  assert.equal(await within(20, call), 7);
  await assert.rejects(
    within(20, async () => Promise.reject(new RangeError("mine"))),
    RangeError,
  );
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.equal(signals[0]?.aborted, false);
});

test("no other file of src creates a client for storage", () => {
  const source = fileURLToPath(new URL("../../../../src", import.meta.url));
  const files = globSync("**/*.ts", { cwd: source }).filter((file) =>
    /\bnew\s+(Table|TableService|Blob|BlockBlob|AppendBlob|PageBlob|Container|BlobService)Client\s*\(/.test(
      readFileSync(`${source}/${file}`, "utf8"),
    ),
  );
  assert.deepEqual(files, ["adapters/storage/clients.ts"]);
});
