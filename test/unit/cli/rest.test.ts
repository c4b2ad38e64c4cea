import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { createRest } from "../../../src/cli/rest.ts";

/** Two hosts: the one that is asked, and the one that it sends its callers to. */
const asked: { host: "first" | "second"; authorization: string | undefined }[] = [];
const second = await listen(
  createServer((request, response) => {
    asked.push({ host: "second", authorization: request.headers.authorization });
    response.end("{}");
  }),
);
const first = await listen(
  createServer((request, response) => {
    asked.push({ host: "first", authorization: request.headers.authorization });
    if (request.url === "/redirect") response.writeHead(307, { location: second });
    response.end('{"a":1}');
  }),
);

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const getToken = async () => ({ token: "operators-token", expiresOnTimestamp: 0 });
const rest = createRest({ getToken }, "https://vault.azure.net/.default");
const { signal } = new AbortController();

test("an operator's token is sent to the host that is asked, and to none that it redirects to", async () => {
  for (const ask of [rest.send, rest.probe]) {
    asked.length = 0;
    await assert.rejects(ask({ method: "GET", url: `${first}/redirect` }, signal), TypeError);
    assert.deepEqual(asked, [{ host: "first", authorization: "Bearer operators-token" }]);
  }
});

test("of what should have been refused nothing is read, of an answer that was asked for all", async () => {
  assert.deepEqual((await rest.send({ method: "GET", url: first }, signal)).body, { a: 1 });
  assert.equal((await rest.probe({ method: "GET", url: first }, signal)).body, undefined);
});
