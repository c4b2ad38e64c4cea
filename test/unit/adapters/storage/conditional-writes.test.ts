/** Two instances may refresh the same metadata at once: storage decides by the conditions that we send. */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, beforeEach, test } from "node:test";
import { setDefaultCACertificates } from "node:tls";
import { openContainer, patience } from "../../../../src/adapters/storage/clients.ts";
import { createMetadataStore } from "../../../../src/adapters/storage/metadata-store.ts";
import type { LastKnownGood } from "../../../../src/domain/metadata/last-known-good.ts";
import { makeLeaf, makeRoot } from "../../../support/fixtures/tls-pki.ts";

/** One blob, with the conditions of RFC 9110 §13.1 as storage applies them to a write and a read. */
const stored: { text?: string; etag?: string } = {};
let writes = 0;
/** Of the last request. */
let asked = { path: "", type: "" };
/** Refuses every request. */
let isRefusing = false;

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function put({ headers }: IncomingMessage, text: string): number {
  if (headers["if-none-match"] === "*" && stored.etag !== undefined) return 409;
  if (headers["if-match"] !== undefined && headers["if-match"] !== stored.etag) return 412;
  Object.assign(stored, { text, etag: `"${++writes}"` });
  return 201;
}

const root = await makeRoot("Storage Root");
const leaf = await makeLeaf(root, { hostName: "localhost" });
const server = createServer({ key: leaf.privateKeyPem, cert: leaf.pem }, async (request, response) => {
  const text = await bodyOf(request);
  asked = { path: request.url?.split("?")[0] ?? "", type: String(request.headers["x-ms-blob-content-type"] ?? "") };
  if (isRefusing) return void response.writeHead(403).end();
  if (request.method === "PUT") return void response.writeHead(put(request, text), { etag: stored.etag ?? "" }).end();
  if (stored.text === undefined) return void response.writeHead(404).end();
  if (request.headers["if-none-match"] === stored.etag) return void response.writeHead(304).end();
  response.writeHead(200, { etag: stored.etag ?? "", "content-length": stored.text.length }).end(stored.text);
});
await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
setDefaultCACertificates([root.pem]);
after(() => {
  server.closeAllConnections();
  server.close();
});
const url = `https://localhost:${(server.address() as AddressInfo).port}/metadata`;
const getToken = async () => ({ token: "token", expiresOnTimestamp: Date.now() + 3_600_000 });
const instance = () => openContainer(url, { getToken }, patience.refresh)("common.json");

beforeEach(() => {
  isRefusing = false;
  delete stored.text;
  delete stored.etag;
});

test("of two that write the first version at once one is written, and the other is a conflict that changes nothing", async () => {
  const [one, two] = [instance(), instance()];
  assert.equal(await one.write("one", undefined), "written");
  assert.equal(await two.write("two", undefined), "conflict");
  assert.equal((await two.read())?.text, "one");
});

test("of two that write over the same version one is written, and the other is a conflict that changes nothing", async () => {
  const [one, two] = [instance(), instance()];
  await one.write("before", undefined);
  const etag = (await two.read())?.etag;
  assert.equal(await one.write("one", etag), "written");
  assert.equal(await two.write("two", etag), "conflict");
  const after = await two.read();
  assert.equal(after?.text, "one");
  assert.equal(await two.write("two", after?.etag), "written");
});

test("unchanged content is not sent again, and missing content is an error that says so", async () => {
  const blob = instance();
  await assert.rejects(blob.read(), { statusCode: 404 });
  await blob.write("text", undefined);
  const read = await blob.read();
  assert.equal(await blob.read(read?.etag), undefined);
  assert.equal((await blob.read('"another"'))?.text, "text");
});

test("metadata is one JSON blob per source, which is absent at first, and unreadable text in it is no record", async () => {
  const store = createMetadataStore(url, { getToken });
  assert.equal(await store.read("common"), undefined);
  assert.equal(await store.write("common", {} as LastKnownGood, undefined), "written");
  assert.deepEqual(asked, { path: "/metadata/common.json", type: "application/json" });
  assert.equal(stored.text, "{}");
  assert.deepEqual(await store.read("common"), { record: undefined, etag: stored.etag });
  assert.equal(await store.write("common", {} as LastKnownGood, undefined), "conflict");
});

test("metadata that storage refuses to read is an error, and not absent", async () => {
  isRefusing = true;
  await assert.rejects(createMetadataStore(url, { getToken }).read("common"), { statusCode: 403 });
});
