/**
 * What a failed query of the log means for the audit, and how the SDK's client is created, over TLS with a scripted
 * service.
 */
import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, beforeEach, describe, test } from "node:test";
import { setDefaultCACertificates } from "node:tls";
import type { TokenCredential } from "@azure/identity";
import { type Attempt, createLogsClient, vaultLogUnavailable } from "../../../../src/adapters/log-analytics/client.ts";
import { parameterize } from "../../../../src/adapters/log-analytics/queries.ts";
import { VaultLogUnavailable } from "../../../../src/domain/audit/ports.ts";
import { clouds } from "../../../../src/domain/shared/cloud.ts";
import { makeLeaf, makeRoot } from "../../../support/fixtures/tls-pki.ts";

const root = await makeRoot("Log Root");
const leaf = await makeLeaf(root, { hostName: "localhost" });
/** Status and headers of the answers in order, the last one again and again; undefined: none comes. */
const script: ([status: number, headers?: Record<string, string>] | undefined)[] = [];
/** Passes while a request waits for an answer that does not come. */
let deadline = new AbortController();
const requests: { path: string; authorization: string | undefined }[] = [];
const server = createServer({ key: leaf.privateKeyPem, cert: leaf.pem }, (request, response) => {
  requests.push({ path: request.url ?? "", authorization: request.headers.authorization });
  const answer = script.length > 1 ? script.shift() : script[0];
  if (!answer) return void deadline.abort();
  const [status, headers] = answer;
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(status === 200 ? whole : "{}");
});
const whole = JSON.stringify({
  tables: [{ name: "PrimaryResult", columns: [{ name: "Now", type: "string" }], rows: [["x"]] }],
});
await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
setDefaultCACertificates([root.pem]);
after(() => {
  server.closeAllConnections();
  server.close();
});
const logsHost = `localhost:${(server.address() as AddressInfo).port}`;

beforeEach(() => {
  script.length = 0;
  requests.length = 0;
  deadline = new AbortController();
});

const scopes: string[] = [];
const plain: TokenCredential = {
  async getToken(scope) {
    scopes.push(...[scope].flat());
    return { token: "first", expiresOnTimestamp: Date.now() + 3_600_000 };
  },
};

async function query(signal: AbortSignal, credential = plain, attempt: Attempt = { signal }) {
  const client = createLogsClient({ ...clouds.public, logsHost }, credential, attempt);
  const timespan = { startTime: new Date(0), endTime: new Date(1) };
  const result = await client.queryWorkspace("workspace", "print 1", timespan).catch((error: unknown) => error);
  return { attempt, result };
}
const never = () => new AbortController().signal;

describe("a query of the log", () => {
  test("goes to the cloud's host, with a token for that host", async () => {
    script.push([200]);
    const { attempt, result } = await query(never());
    assert.equal((result as { status: string }).status, "Success");
    assert.equal(attempt.status, 200);
    assert.deepEqual(scopes, [`https://${logsHost}/.default`]);
    assert.deepEqual(requests, [{ path: "/v1/workspaces/workspace/query", authorization: "Bearer first" }]);
  });

  test("is sent three times to a busy service, and the last answer is reported", async () => {
    script.push([503], [503], [503, { "retry-after": "0" }], [200]);
    const { attempt } = await query(never());
    assert.equal(requests.length, 3);
    assert.deepEqual([attempt.status, attempt.retryAfter], [503, "0"]);
  });

  test("uses the identity's other token after a 401", async () => {
    script.push([401], [200]);
    const identity = Object.assign(
      { ...plain },
      { newest: (token: string) => token, replace: async () => "second", isIdentity: true },
    );
    const { result } = await query(never(), identity);
    assert.equal((result as { status: string }).status, "Success");
    assert.deepEqual(
      requests.map(({ authorization }) => authorization),
      ["Bearer first", "Bearer second"],
    );
  });

  test("ends at its deadline, in the middle of an attempt; the status of the previous attempt does not count", async () => {
    script.push([503], undefined);
    const { attempt, result } = await query(deadline.signal);
    assert.equal(requests.length, 2);
    assert.equal(attempt.status, undefined);
    assert.equal(vaultLogUnavailable(result, attempt).trouble, "timed_out");
  });
});

test("a query whose deadline passes while it waits for a retry was throttled, not slow", async () => {
  script.push([429, { "retry-after": "30" }]);
  const attempt: Attempt = { signal: deadline.signal };
  // The deadline passes when the first answer has come.
  const set = (value: string | undefined) => {
    Object.defineProperty(attempt, "retryAfter", { value, writable: true });
    deadline.abort();
  };
  Object.defineProperty(attempt, "retryAfter", { set, configurable: true });
  const { result } = await query(deadline.signal, plain, attempt);
  const { trouble, detail } = vaultLogUnavailable(result, attempt);
  assert.deepEqual([trouble, detail.httpStatus, detail.retryAfterSeconds], ["throttled", 429, 30]);
  assert.equal(requests.length, 1);
});

describe("a failed query is", () => {
  const ended = AbortSignal.abort();
  const cases: [what: string, Attempt, trouble: string][] = [
    ["timed out without an answer when the deadline has passed", { signal: ended }, "timed_out"],
    ["unavailable without an answer before it", { signal: never() }, "unavailable"],
    ["timed out where the answer was good but did not end in time", { signal: ended, status: 200 }, "timed_out"],
    ["unavailable where an answer was good and could not be read", { signal: never(), status: 399 }, "unavailable"],
    ["rejected with a 400, though the deadline has passed", { signal: ended, status: 400 }, "rejected"],
    ["forbidden with a 401", { signal: never(), status: 401 }, "forbidden"],
    ["rejected with a 402", { signal: never(), status: 402 }, "rejected"],
    ["forbidden with a 403", { signal: never(), status: 403 }, "forbidden"],
    ["rejected with a 404", { signal: never(), status: 404 }, "rejected"],
    ["throttled with a 429", { signal: never(), status: 429 }, "throttled"],
    ["rejected with a 430", { signal: never(), status: 430 }, "rejected"],
    ["rejected with a 499", { signal: never(), status: 499 }, "rejected"],
    ["unavailable with a 500", { signal: never(), status: 500 }, "unavailable"],
  ];
  for (const [what, attempt, trouble] of cases) {
    test(what, () => {
      const found = vaultLogUnavailable(new RangeError("s3cret"), attempt);
      assert.equal(found.trouble, trouble);
      const httpStatus = attempt.status !== undefined && attempt.status >= 400 ? { httpStatus: attempt.status } : {};
      assert.deepEqual(found.detail, { because: "RangeError", ...httpStatus });
    });
  }

  test("to be repeated after the time that the service announces", () => {
    const busy = (retryAfter: string) => vaultLogUnavailable(new Error(), { signal: ended, status: 429, retryAfter });
    assert.deepEqual(busy("30").detail, { because: "Error", httpStatus: 429, retryAfterSeconds: 30 });
    assert.deepEqual(busy("soon").detail, { because: "Error", httpStatus: 429 });
  });

  test("what the reader itself has reported", () => {
    const own = new VaultLogUnavailable("incomplete");
    assert.equal(vaultLogUnavailable(own, { signal: ended, status: 500 }), own);
  });
});

test("the parameters of a query precede it, and the ids are hidden from the workspace's own log", () => {
  const parameters = { fromMs: 0, toMs: 1_500, vaultResourceId: "/vaults/v", signingObjectId: "id", maxRows: 7 };
  assert.equal(
    parameterize("Rows", parameters),
    [
      "let StartTime = datetime(1970-01-01T00:00:00.000Z);",
      "let EndTime = datetime(1970-01-01T00:00:01.500Z);",
      'let VaultResourceId = h"/vaults/v";',
      'let SigningObjectId = h"id";',
      "let MaxRows = 7;",
      "Rows",
    ].join("\n"),
  );
});
