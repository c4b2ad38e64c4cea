/** The Azure Monitor emulator on the wire. The reader's tests cover the SDK's view of it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:https";
import { after, before, beforeEach, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { ControlError } from "../../local/emulators/shared/control-route.ts";
import { parameterize, vaultArrivalsQuery, vaultOperationsQuery } from "../../src/adapters/log-analytics/queries.ts";
import {
  reader,
  signEvent,
  signingObjectId,
  startMs,
  startVaultLogWorld,
  stranger,
  type VaultLogWorld,
  vaultResourceId,
  workspaceId,
} from "../unit/adapters/log-analytics/vault-log-world.ts";

const host = "api.loganalytics.io";
const queryPath = `/v1/workspaces/${workspaceId}/query`;
const parameters = { fromMs: startMs, toMs: startMs + 60_000, vaultResourceId, signingObjectId, maxRows: 100 };
const query = parameterize(vaultOperationsQuery, parameters);

let world: VaultLogWorld;
let token: string;
let telemetryToken: string;

before(async () => {
  world = await startVaultLogWorld();
  token = await tokenOf(reader);
  telemetryToken = await tokenOf(reader, "https://monitor.azure.com");
});
after(() => world.stop());
beforeEach(() => world.reset());

async function tokenOf(identity: { clientId: string }, resource = `https://${host}`): Promise<string> {
  return (await world.credential(identity).getToken(`${resource}/.default`))?.token ?? "";
}

async function send(path: string, body: string | Buffer, headers: Record<string, string> = {}, method = "POST") {
  const sent = request({ host, path, method, headers: { "content-type": "application/json", ...headers } });
  sent.end(body);
  const [response] = await once(sent, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode as number, json: JSON.parse(Buffer.concat(chunks).toString("utf8")) };
}

function ask(body: object, bearer = token) {
  return send(queryPath, JSON.stringify(body), { authorization: `Bearer ${bearer}` });
}

function track(body: string | Buffer, headers: Record<string, string> = {}, path = "/v2.1/track") {
  return send(path, body, { authorization: `Bearer ${telemetryToken}`, ...headers });
}

function control(method: string, path: string, body?: unknown, parameters = {}) {
  const route = world.monitor.control.find((one) => one.method === method && one.path === path);
  assert.ok(route, `${method} ${path}`);
  return route.handle({ body, query: new URLSearchParams(parameters) });
}

describe("read access", () => {
  test("is granted to a reader with a token for Log Analytics, by either name of the service", async () => {
    assert.equal((await ask({ query })).status, 200);
    assert.equal((await ask({ query }, await tokenOf(reader, "https://api.loganalytics.azure.com"))).status, 200);
  });

  test("is denied without a token, with one for another service, or with one by another issuer", async () => {
    const other = await generateKeyPair("RS256");
    const { kid } = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString("utf8"));
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    const forged = await new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid }).sign(other.privateKey);
    const secret = Buffer.from(JSON.stringify(await exportJWK(other.publicKey)));
    const confused = await new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid }).sign(secret);
    for (const bearer of ["", await tokenOf(reader, "https://vault.azure.net"), forged, confused]) {
      const { status, json } = await ask({ query }, bearer);
      assert.equal(status, 401);
      assert.equal(typeof json.error.code, "string");
    }
    assert.equal(world.monitor.queries.length, 0);
  });

  test("is denied to an identity that is not on the list, which can change while it runs", async () => {
    const strangersToken = await tokenOf(stranger);
    assert.equal((await ask({ query }, strangersToken)).status, 403);
    control("PUT", "/readers", [stranger.objectId]);
    assert.equal((await ask({ query }, strangersToken)).status, 200);
    assert.equal((await ask({ query })).status, 403);
    control("PUT", "/readers", [reader.objectId]);
  });
});

describe("a query", () => {
  test("is answered as a table with columns and rows", async () => {
    const event = signEvent(5);
    world.audit.push(event);
    const { json } = await ask({ query });
    const [table] = json.tables;
    assert.equal(table.name, "PrimaryResult");
    assert.deepEqual(table.columns.slice(0, 2), [
      { name: "TimeGenerated", type: "datetime" },
      { name: "OperationName", type: "string" },
    ]);
    const { oid, appid } = event.Identity.claim;
    assert.deepEqual(table.rows, [
      [
        ...[event.TimeGenerated, "KeySign", 200, event.CorrelationId, event.Id, event.RequestUri],
        ...[oid, appid, "10.0.0.4", event.ClientInfo],
      ],
    ]);
    assert.equal(json.error, undefined);
  });

  test("is limited by the request's timespan", async () => {
    world.audit.push(signEvent(5), signEvent(30_000));
    const timespan = `${new Date(startMs).toISOString()}/${new Date(startMs + 10_000).toISOString()}`;
    assert.equal((await ask({ query, timespan })).json.tables[0].rows.length, 1);
    assert.equal((await ask({ query, timespan: "tomorrow" })).status, 400);
  });

  test("of arrivals uses the time of ingestion, and counts all rows of a window once", async () => {
    world.audit.push(signEvent(-600_000), signEvent(-599_500), signEvent(-598_000), signEvent(0));
    control("PUT", "/log", { ingestionLagMs: 600_000 });
    const { json } = await ask({ query: parameterize(vaultArrivalsQuery, { ...parameters, toMs: startMs + 2_000 }) });
    assert.deepEqual(json.tables, [
      {
        name: "PrimaryResult",
        columns: [
          { name: "Window", type: "datetime" },
          { name: "Rows", type: "long" },
        ],
        rows: [["2026-01-31T11:50:00.000Z", 3]],
      },
    ]);
  });

  test("is recognised with any white space and comments, but only by its whole text", async () => {
    assert.equal((await ask({ query: `${query.replaceAll("\n", "\r\n  ")}// the end` })).status, 200);
    for (const other of [
      "AZKVAuditLogs | take 10",
      query.replace("| take MaxRows", ""),
      query.replace("isempty(VaultResourceId) or ", ""),
      `${query}| take 1`,
    ]) {
      const { status, json } = await ask({ query: other });
      assert.equal(status, 400);
      assert.equal(json.error.innererror.code, "SemanticError");
    }
  });

  test("with more rows than the limit is answered partially, with an error beside the rows and status 200", async () => {
    world.audit.push(signEvent(1), signEvent(2), signEvent(3));
    control("PUT", "/log", { rowLimit: 2 });
    const { status, json } = await ask({ query });
    assert.deepEqual([status, json.tables[0].rows.length, json.error.code], [200, 2, "PartialError"]);
    assert.deepEqual(control("GET", "/queries"), [
      {
        objectId: reader.objectId,
        query: "vault-operations",
        startTime: new Date(startMs).toISOString(),
        endTime: new Date(startMs + 60_000).toISOString(),
        rows: 2,
        isPartial: true,
      },
    ]);
  });

  test("that is not JSON, for another workspace or at another path is refused", async () => {
    const authorization = `Bearer ${token}`;
    assert.equal((await send(queryPath, "{", { authorization })).status, 400);
    assert.equal((await send(queryPath.replace("aaaaaaaa", "bbbbbbbb"), "{}", { authorization })).status, 404);
    assert.equal((await send("/v1/metadata", "{}", { authorization })).status, 404);
    assert.equal((await send(queryPath, "", { authorization }, "GET")).status, 404);
  });
});

describe("tampering and faults by the control interface", () => {
  const rows = async () => (await ask({ query })).json.tables[0].rows.length;

  test("rows are cut by their content, and reappear when the cut is removed", async () => {
    world.audit.push(signEvent(1), signEvent(2, { OperationName: "KeyGet" }), signEvent(3));
    const startTime = new Date(startMs + 2).toISOString();
    for (const [cut, left] of [
      [[{ operation: "KeySign", startTime }], 2],
      [[{ objectId: signEvent(0).Identity.claim.oid }], 0],
      [[{ endTime: startTime }], 2],
      [[], 3],
    ] as const) {
      control("PUT", "/log", { cut });
      assert.equal(await rows(), left);
    }
  });

  test("the same rows are late and duplicated in every query", async () => {
    world.audit.push(...Array.from({ length: 90 }, (_, i) => signEvent(i)));
    control("PUT", "/log", { lateShare: 0.5, lateMs: 999_999_999 });
    const early = await rows();
    assert.ok(early > 20 && early < 70, `${early}`);
    assert.equal(await rows(), early);
    control("PUT", "/log", { lateShare: 0, duplicateShare: 0.05 });
    assert.ok((await rows()) >= 90);
  });

  test("faults apply to the operation that they name", async () => {
    control("PUT", "/behaviour", { faults: [{ operation: "query", status: 429, headers: { "retry-after": "7" } }] });
    assert.equal((await track("[]")).status, 200);
    const failed = await send(queryPath, "{}").catch((error) => error);
    assert.ok(failed instanceof SyntaxError, "an answer without a body");
    control("PUT", "/behaviour", {});
  });

  test("invalid input is an error", () => {
    assert.throws(() => control("PUT", "/log", { lagMs: 1 }), ControlError);
    assert.throws(() => control("PUT", "/log", { duplicateShare: 2 }), ControlError);
    assert.throws(() => control("PUT", "/readers", ["me"]), ControlError);
    assert.throws(() => control("PUT", "/behaviour", { faults: [{ operation: "KeySign" }] }), ControlError);
    assert.throws(() => control("GET", "/telemetry", undefined, { table: "Metrics" }), ControlError);
  });
});

describe("telemetry", () => {
  const envelope = (baseType: string, baseData: object = {}) => ({
    name: "Microsoft.ApplicationInsights.Item",
    time: new Date(startMs).toISOString(),
    data: { baseType, baseData },
  });
  const event = envelope("EventData", { name: "unaccounted-signature" });

  test("is accepted as an array or as lines, compressed or not", async () => {
    const lines = [event, envelope("MetricData")].map((item) => JSON.stringify(item)).join("\n");
    for (const path of ["/v2.1/track", "/v2/track"]) {
      assert.deepEqual(await track(JSON.stringify([event]), {}, path), {
        status: 200,
        json: { itemsReceived: 1, itemsAccepted: 1, errors: [] },
      });
      const { json } = await track(gzipSync(lines), { "content-encoding": "gzip" }, path);
      assert.equal(json.itemsAccepted, 2);
    }
    assert.equal(world.monitor.telemetry.length, 6);
  });

  test("is in the table of its kind, and can be listed and deleted", async () => {
    const kinds = ["MetricData", "EventData", "MessageData", "RequestData", "RemoteDependencyData", "ExceptionData"];
    await track(JSON.stringify(kinds.map((kind) => envelope(kind))));
    assert.deepEqual(
      world.monitor.telemetry.map(({ table }) => table),
      ["AppMetrics", "AppEvents", "AppTraces", "AppRequests", "AppDependencies", "AppExceptions"],
    );
    assert.deepEqual(control("GET", "/telemetry", undefined, { table: "AppEvents" }), [
      { table: "AppEvents", envelope: envelope("EventData") },
    ]);
    assert.equal(control("DELETE", "/telemetry"), undefined);
    assert.deepEqual(control("GET", "/telemetry"), []);
  });

  test("of an unknown kind is counted and named", async () => {
    const mixed = await track(JSON.stringify([event, envelope("toString"), null]));
    assert.equal(mixed.status, 206);
    assert.deepEqual([mixed.json.itemsReceived, mixed.json.itemsAccepted], [3, 1]);
    assert.deepEqual(
      mixed.json.errors.map(({ index }: { index: number }) => index),
      [1, 2],
    );
    assert.equal((await track("no json")).status, 400);
  });
});

describe("what Application Insights shows of telemetry", () => {
  const item = (baseType: string, baseData: object, tags: Record<string, string> = {}, ms = 0) => ({
    name: "Microsoft.ApplicationInsights.Item",
    time: new Date(startMs + ms).toISOString(),
    tags: { "ai.cloud.role": "keyhold", "ai.operation.id": "o1", ...tags },
    data: { baseType, baseData },
  });
  const call = (name: string, more: object = {}) => ({
    ...{ name, id: name, target: "Key Vault", type: "Http", duration: "00:00:00.040", success: true },
    ...more,
  });
  const within = { "ai.operation.parentId": "token" };
  const items = [
    item("EventData", { name: "request_answered" }, within, 5),
    item("RemoteDependencyData", call("sign"), within, 2),
    item("RemoteDependencyData", call("sign again", { success: false, duration: "1.00:00:00.060" }), within, 1),
    item(
      "RemoteDependencyData",
      { name: "token", id: "token", duration: "00:00:00.100" },
      { "ai.operation.parentId": "host" },
    ),
    item("ExceptionData", {
      exceptions: [
        { typeName: "TypeError", message: "m", stack: "TypeError: m\n    at f (src/a.ts:1:2)\n    at src/b.ts:3:4" },
      ],
    }),
  ];

  test("a map of calls by their target, without those within the process", async () => {
    await track(JSON.stringify(items));
    const meanMs = (86_400_060 + 40) / 2;
    assert.deepEqual(control("GET", "/application-map"), [
      { from: "keyhold", to: "Key Vault", type: "Http", calls: 2, failed: 1, meanMs },
    ]);
  });

  test("a transaction, with the children of a call below it in the order of time", async () => {
    await track(JSON.stringify([...items, item("EventData", { name: "other" }, { "ai.operation.id": "o2" })]));
    const roots = control("GET", "/transaction", undefined, { operationId: "o1" }) as {
      name: string;
      within: { name: string }[];
    }[];
    assert.deepEqual(
      roots.map(({ name, within: inner }) => [name, inner.map((one) => one.name)]),
      [
        ["token", ["sign again", "sign", "request_answered"]],
        ["TypeError", []],
      ],
    );
    assert.throws(() => control("GET", "/transaction"), ControlError);
  });

  test("failures by class, with the frames of their stack", async () => {
    await track(JSON.stringify([...items, ...items]));
    assert.deepEqual(control("GET", "/failures"), [
      { type: "TypeError", message: "m", count: 2, frames: ["f (src/a.ts:1:2)", "src/b.ts:3:4"] },
    ]);
  });

  test("live metrics only while the page is open", async () => {
    const ping = () => track("{}", {}, "/QuickPulseService.svc/ping?ikey=1");
    assert.deepEqual((await ping()).json, { ETag: "1", Metrics: [], DocumentStreams: [] });
    control("PUT", "/live-metrics", { isWatched: true });
    await track(JSON.stringify([{ RoleName: "keyhold" }]), {}, "/QuickPulseService.svc/post?ikey=1");
    assert.deepEqual(control("GET", "/live-metrics"), {
      isWatched: true,
      pings: 1,
      samples: [{ RoleName: "keyhold" }],
    });
    assert.throws(() => control("PUT", "/live-metrics", { watched: true }), ControlError);
  });
});

// Last: it withdraws the keys of the tokens that all others use.
describe("unauthorized telemetry", () => {
  test("is refused without a token, with one for another service, and with one whose key was withdrawn", async () => {
    const data = { baseType: "EventData", baseData: { name: "unaccounted-signature" } };
    const item = { name: "Microsoft.ApplicationInsights.Item", time: new Date(startMs).toISOString(), data };
    const body = JSON.stringify([item]);
    assert.equal((await send("/v2.1/track", body)).status, 401);
    assert.equal((await track(body, { authorization: `Bearer ${token}` })).status, 401);
    await world.entra.replaceAllKeys();
    assert.equal((await track(body)).status, 401);
    assert.equal((await ask({ query })).status, 401);
    assert.deepEqual(world.monitor.telemetry, []);
  });
});
