/** How often a table is asked, and what remains of an operation that has ended. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { after, beforeEach, test } from "node:test";
import { DeadlineExceeded } from "../../../../src/adapters/azure/deadline.ts";
import { openTable } from "../../../../src/adapters/storage/clients.ts";
import { errorAnswer, startTableServer, tableCredential } from "../../../support/fixtures/table-server.ts";

const table = await startTableServer("ledger");
after(() => table.stop());
beforeEach(() => table.reset());

for (const attempts of [1, 2, 4]) {
  test(`a busy table is asked ${attempts} times in all if the operation has as many attempts`, async () => {
    table.fault = () => errorAnswer(503, "ServerBusy", { "retry-after-ms": "1" });
    const client = openTable(table.url, tableCredential, { withinMs: 30_000, attempts });
    await assert.rejects(client.getEntity("a", "b"), { statusCode: 503 });
    assert.equal(table.requests.length, attempts);
  });
}

test("the connection of an operation that has no time left, or that its caller ends, is closed", async () => {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  after(() => silent.close());
  const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}/ledger`;
  const end = new AbortController();
  for (const [withinMs, abortSignal] of [
    [150, undefined],
    [60_000, end.signal],
  ] as const) {
    const connected = once(silent, "connection") as Promise<[Socket]>;
    const client = openTable(url, tableCredential, { withinMs, attempts: 1 });
    const read = client.getEntity("a", "b", abortSignal && { abortSignal });
    const isEnded = (error: Error) => error instanceof DeadlineExceeded || error.name === "AbortError";
    const rejected = assert.rejects(read, isEnded);
    const [socket] = await connected;
    const closed = new Promise((resolve) =>
      socket
        .on("error", () => {})
        .on("close", resolve)
        .resume(),
    );
    if (abortSignal) end.abort();
    await rejected;
    await closed;
  }
});
